"""The files beside an .onnx file that hold its weights: PyTorch writes ``net.onnx.data``."""

from pathlib import Path


def weight_files(path: Path) -> list[Path]:
    """Those that are there, sorted; none of a file that cannot be read."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError):
        return []
    entries = [entry for one in model.graph.initializer for entry in one.external_data]
    places = {path.parent / entry.value for entry in entries if entry.key == "location"}
    return sorted(place for place in places if place.is_file())
