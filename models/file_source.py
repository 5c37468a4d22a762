"""FILE=a.tflite,b.onnx: files of one network that others made, measured as they are."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from models import opened_file
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.file_network import described
from models.model_files.model_file import ModelFile
from models.naming import content_sha256, safe_name
from models.network import Network
from models.networks.input_scaling import InputScaling
from models.opened_file import is_model_file, open_model_file, reference_name, weight_files
from models.untrusted_files import regular_file

# What a file that is measured as it is has no use for.
NOT_OF_FILES = (
    "model", "alpha", "res", "classes", "weights", "calib", "methods", "keep_float", "schemes",
)  # fmt: skip


@dataclass(frozen=True)
class FileSource:
    """Files without a manifest; the first one, in its runtime's plain kernels, is what all are
    compared with."""

    paths: tuple[Path, ...]
    scale: float | None
    offset: float | None
    model_id: str
    labels_known: bool
    warnings: tuple[str, ...]
    fits_demo: bool = False
    size: ImageSize | None = None
    classes: int | None = None
    expansions: tuple[int, ...] | None = None

    @property
    def reference(self) -> str:
        """The reference of the outputs of all files, in words."""
        return reference_name(self.paths[0])

    def identity(self) -> dict:
        return {
            "file": self.paths[0].name,
            "sha256": content_sha256(self.paths[0], *weight_files(self.paths[0])),
            "scaled_by": [content_sha256(path) for path in self.paths[1:]],
            "scale": self.scale,
            "offset": self.offset,
        }

    def load(self) -> Network:
        """The network by its first file, whose outputs all are compared with."""
        return self.network([open_model_file(path) for path in self.paths])

    def network(self, files: Iterable[ModelFile]) -> Network:
        """The same of the opened ``files``. Where the first does not tell what its pixels are to
        become and another does, e.g. one of uint8, they become that for all."""
        first, *others = files
        found = described(first)
        if found.scaling.is_guess:
            told = [InputScaling(*one.preprocess) for one in others if one.preprocess]
            found = replace(found, scaling=(*told, found.scaling)[0])
        return replace(found, scaling=found.scaling.given(self.scale, self.offset))


def resolve(options: Options) -> FileSource:
    """The files that FILE names; RequestError where one is not there, or is named twice."""
    for name in NOT_OF_FILES:
        default = next(one.default for one in fields(Options) if one.name == name)
        if getattr(options, name) != default:
            raise RequestError(
                f"{name.upper()} does not go with FILE, whose files are measured as they are; "
                "leave it out, or use MODEL=file to make others of one"
            )
    names = [name.strip() for name in options.file.split(",") if name.strip()]
    if not names:
        raise RequestError("FILE is empty; expected .tflite or .onnx files, comma-separated")
    paths = tuple(map(Path, names))
    for path in paths:
        if not is_model_file(path):
            raise RequestError(
                f"FILE has '{path}'; expected .tflite or .onnx files, comma-separated"
            )
        if not path.exists():
            raise RequestError(f"FILE has '{path}', which does not exist")
        regular_file.check(
            path, f"FILE '{path}'", "expected a .tflite or .onnx file", opened_file.MAX_BYTES
        )
        if paths.count(path) > 1:
            raise RequestError(f"FILE has '{path}' twice; expected each file once")
    return FileSource(
        paths,
        options.scale,
        options.offset,
        model_id=safe_name(paths[0].stem),
        labels_known=options.data not in (None, "demo"),
        warnings=(),
    )
