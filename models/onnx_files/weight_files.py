"""The files beside an .onnx file that hold its weights: PyTorch writes ``net.onnx.data``."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.untrusted_files import regular_file, unpacked_size


def weight_files(path: Path) -> list[Path]:
    """Those that are there, sorted; none of a file that cannot be read.

    RequestError for a place outside of the file's folder, before anything of it is read: an .onnx
    file may name any file of its reader.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError):
        return []
    entries = [entry for one in model.graph.initializer for entry in one.external_data]
    names = sorted({entry.value for entry in entries if entry.key == "location"})
    for name in names:
        if not (path.parent / name).resolve().is_relative_to(path.parent.resolve()):
            raise RequestError(
                f"'{path}' has weights in {name!r}, outside of its folder; expected them "
                "beside it, and no link"
            )
    places = [path.parent / name for name in names if (path.parent / name).exists()]
    for place in places:
        regular_file.check(place, f"'{place}'", "expected weights", unpacked_size.MAX_BYTES)
    return places
