"""The exported files that a request names, checked against their manifest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from export.artifact import Artifact, Manifest
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options


@dataclass(frozen=True)
class Exported:
    """One model's folder under OUT: its files and the manifest that describes them."""

    folder: Path
    manifest: Manifest

    def path(self, artifact: Artifact) -> Path:
        return self.folder / artifact.name


def open_exported(options: Options, model_id: str) -> Exported:
    """The files that ``make export`` left for these options, unchanged since.

    RequestError, with the command to run, where there are none, or where a file is missing or
    differs from what the manifest says.
    """
    folder = Path(options.out) / model_id
    command = make_line("export", options)
    exported = Exported(folder, Manifest.read(folder, command))
    for artifact in exported.manifest.artifacts:
        path = exported.path(artifact)
        if not path.is_file():
            raise RequestError(f"{path} is in the manifest but missing; run {command} again")
        found = _sha256(path)
        if found != artifact.sha256:
            raise RequestError(
                f"{path} is not the file that was exported: its SHA-256 starts with {found[:12]}, "
                f"its manifest says {artifact.sha256[:12]}; run {command} again"
            )
    return exported


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
