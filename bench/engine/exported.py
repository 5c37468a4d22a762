"""The exported files that a request names, checked against their manifest."""

import hashlib
import shlex
from dataclasses import dataclass, fields
from pathlib import Path

from export.artifact import MANIFEST_NAME, Artifact, Manifest
from models.command_line.errors import RequestError
from models.command_line.options import Options

NOT_OF_EXPORT = ("n_eval", "device", "threads")


@dataclass(frozen=True)
class Exported:
    """One model's folder under OUT: its files and the manifest that describes them."""

    folder: Path
    manifest: Manifest

    def path(self, artifact: Artifact) -> Path:
        return self.folder / artifact.name


def open_exported(options: Options, model_id: str) -> Exported:
    """The files that ``make export`` left for these options, unchanged since.

    RequestError, saying what to type, where there are none, or where a file is missing or is not
    the one that the manifest describes.
    """
    folder = Path(options.out) / model_id
    command = make_export(options)
    if not (folder / MANIFEST_NAME).is_file():
        raise RequestError(f"there is no {folder / MANIFEST_NAME}; type {command} first")
    exported = Exported(folder, Manifest.read(folder))
    for artifact in exported.manifest.artifacts:
        path = exported.path(artifact)
        if not path.is_file():
            raise RequestError(f"{path} is in the manifest but missing; type {command} again")
        found = _sha256(path)
        if found != artifact.sha256:
            raise RequestError(
                f"{path} is not the file that was exported: its SHA-256 starts with {found[:12]}, "
                f"its manifest says {artifact.sha256[:12]}; type {command} again"
            )
    return exported


def make_export(options: Options) -> str:
    """The ``make export`` command line with the variables of ``options`` that are not defaults."""
    words = ["make", "export"]
    for option in fields(Options):
        value = getattr(options, option.name)
        shown = option.name == "arch" and not options.model
        if option.name not in NOT_OF_EXPORT and (shown or value != option.default):
            text = str(int(value)) if isinstance(value, bool) else str(value)
            words.append(f"{option.name.upper()}={shlex.quote(text)}")
    return " ".join(words)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
