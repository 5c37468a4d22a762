"""The files that an export can make, and which of them FORMATS and FILES ask for."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from models.command_line.errors import RequestError
from quantize.schemes import registry
from quantize.schemes.registry import SCHEMES
from quantize.schemes.scheme import Scheme

FORMATS = ("tflite", "onnx")


@dataclass(frozen=True)
class ExportFile:
    """A file by its scheme and format."""

    scheme: Scheme
    format: str

    @property
    def name(self) -> str:
        """Its name in the folder, e.g. ``int8.tflite``."""
        return f"{self.scheme.name}.{self.format}"


@dataclass(frozen=True)
class FileOptions:
    """The wanted files, comma-separated: ``formats`` and names of ``files``; "": all of them."""

    formats: str = ""
    files: str = ""


ALL = FileOptions()
HELP = {
    "formats": "formats to write, comma-separated: tflite, onnx (default: both)",
    "files": "files to write, comma-separated, e.g. int8.tflite,float16.onnx (default: all)",
}


def all_files(schemes: Sequence[Scheme] = tuple(SCHEMES)) -> list[ExportFile]:
    """Each file that there is of ``schemes``, in the order of a manifest."""
    return [
        ExportFile(scheme, form)
        for form in FORMATS
        for scheme in schemes
        if form != "onnx" or scheme.in_onnx
    ]


def wanted_files(schemes: str, wanted: FileOptions) -> tuple[ExportFile, ...]:
    """The files to make: those named by FILES, of any scheme, else all of SCHEMES and of those
    always made; of FORMATS alone.

    RequestError for a name that is unknown or given twice, and where the two exclude each other.
    """
    forms = _asked("FORMATS", wanted.formats, FORMATS)
    usual = all_files(registry.parse(schemes))
    names = _asked("FILES", wanted.files, [file.name for file in all_files()])
    chosen = [file for file in all_files() if file.name in names] if names else usual
    found = tuple(file for file in chosen if not forms or file.format in forms)
    if len(found) < len(names):
        left = next(file for file in chosen if file not in found)
        raise RequestError(
            f"FILES has {left.name}, but FORMATS is {wanted.formats}; expected files of that "
            "format; leave FORMATS out"
        )
    return found


def _asked(variable: str, given: str, known: Sequence[str]) -> list[str]:
    """The words of ``given``; RequestError for one that is not ``known`` or comes twice."""
    words = given.split(",") if given else []
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, 1, cutoff=0.5)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise RequestError(
                f"{variable} has {word!r}; expected some of {','.join(known)}, "
                f"comma-separated{meant}"
            )
        if words.count(word) > 1:
            raise RequestError(f"{variable} has {word!r} twice; name it once")
    return words
