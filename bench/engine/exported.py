"""The exported files that a request names, checked against their manifest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine import given_files
from bench.measurement.current_files import check_current
from export.artifact import Artifact, Manifest
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.file_source import FileSource
from models.model_files.model_file import image_size, is_channels_first
from models.source import Source


@dataclass(frozen=True)
class Exported:
    """One model's folder under OUT, or files that others made: the files, ``paths`` of those that
    are elsewhere by their name, and the manifest that describes them."""

    folder: Path
    manifest: Manifest
    paths: Mapping[str, Path] = field(default_factory=dict)

    def path(self, artifact: Artifact) -> Path:
        return self.paths.get(artifact.name, self.folder / artifact.name)

    @property
    def paths_by_name(self) -> dict[str, Path]:
        return {one.name: self.path(one) for one in self.manifest.artifacts}

    @property
    def image_size(self) -> ImageSize:
        """The size of the image that every file reads."""
        shape = self.manifest.artifacts[0].inputs[0].shape
        return image_size(shape, is_channels_first(shape))

    @property
    def reference_column(self) -> str:
        """The name that the outputs all are compared with have in a drift matrix."""
        return "keras" if self.manifest.reference == "Keras" else "reference"


def open_exported(options: Options, source: Source) -> Exported:
    """The files that ``make export`` left for these options, of the network as it is now.

    RequestError, with the command to run, where there are none, where a file is missing or differs
    from what the manifest says, and where they are of another network or were made otherwise.
    """
    if isinstance(source, FileSource):
        manifest, paths = given_files.manifest_of(source)
        return Exported(Path(), manifest, paths)
    folder = Path(options.out) / source.model_id
    command = make_line("export", options)
    exported = Exported(folder, Manifest.read(folder, command))
    check_current(exported.manifest, folder, options, source)
    for artifact in exported.manifest.artifacts:
        path = exported.path(artifact)
        if not path.is_file():
            raise RequestError(f"{path} is in the manifest but missing; run {command} again")
        if path.is_symlink() and path.resolve().parent != folder.resolve():
            raise RequestError(
                f"{path} is a link to {path.resolve()}, outside its folder; expected the file that "
                f"was exported; run {command} again"
            )
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
