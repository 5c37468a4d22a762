"""Model files by their suffix: .tflite and .onnx, opened without TensorFlow."""

from pathlib import Path

from models import trial_run
from models.command_line.errors import RequestError
from models.networks import size_limits
from models.onnx_files.onnx_file import OnnxFile
from models.onnx_files.weight_files import weight_files as onnx_weights
from models.tflite_files.tflite_file import TfliteFile
from models.untrusted_files import regular_file

KINDS = {".tflite": TfliteFile, ".onnx": OnnxFile}
KERAS = "Keras"
MAX_BYTES = 1 << 31  # where both formats end; ONNX keeps more in files beside its own
RUNTIME = {".tflite": "LiteRT", ".onnx": "ONNX Runtime"}


def is_model_file(path: Path) -> bool:
    """True for the name of a .tflite or .onnx file."""
    return path.suffix.lower() in KINDS


def weight_files(path: Path) -> list[Path]:
    """The files beside a model file that hold its weights."""
    return onnx_weights(path) if path.suffix.lower() == ".onnx" else []


def open_model_file(path: Path, resolution: int | None = None) -> TfliteFile | OnnxFile:
    """The file at ``path``; RequestError, in one line, where it cannot be read or is of another
    kind. ``resolution``: the size of its image where it leaves that open."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise RequestError(f"'{path}' ends in '{path.suffix}'; expected .tflite or .onnx")
    expected = "expected a .tflite or .onnx file"
    if not path.exists():
        raise RequestError(f"there is no file '{path}'; {expected}")
    regular_file.check(path, f"'{path}'", expected, MAX_BYTES)
    trial_run.check(path, resolution)
    opened = kind.open(path, resolution)
    size_limits.check_image(opened.image.shape[1:], f"'{path}'")
    return opened


def reference_name(path: Path) -> str:
    """The reference, in words, that files made of the model at ``path`` are compared with."""
    if not is_model_file(path):
        return KERAS
    return f"{path.name} in {RUNTIME[path.suffix.lower()]}"
