"""The exported files that a request names, checked against their manifest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bench.measurement.current_files import check_current
from export.artifact import Artifact, Manifest
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.source import Source


@dataclass(frozen=True)
class Exported:
    """One model's folder under OUT: its files and the manifest that describes them."""

    folder: Path
    manifest: Manifest

    def path(self, artifact: Artifact) -> Path:
        return self.folder / artifact.name


def open_exported(options: Options, source: Source) -> Exported:
    """The files that ``make export`` left for these options, of the network as it is now.

    RequestError, with the command to run, where there are none, where a file is missing or differs
    from what the manifest says, and where they are of another network or were made otherwise.
    """
    folder = Path(options.out) / source.model_id
    command = make_line("export", options)
    exported = Exported(folder, Manifest.read(folder, command))
    check_current(exported.manifest, folder, options, source)
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
