"""The export that is there already: the files of it that a new one would make again."""

from pathlib import Path

from export import verification
from export.artifact import Artifact, Manifest
from export.image_sets import ImageSets
from export.request import ExportRequest
from models.command_line.errors import RequestError
from models.data.image_source import ImageSize


def read(folder: Path) -> Manifest | None:
    """The manifest in ``folder``; None where there is none, or one that cannot be used."""
    try:
        return Manifest.read(folder)
    except RequestError:
        return None


def known_shape(
    earlier: Manifest | None, request: ExportRequest
) -> tuple[ImageSize | None, int | None]:
    """Input size and number of outputs of the network; None for what only loading it can tell.

    A user's model that was exported before need not be loaded.
    """
    source = request.source
    if source.size:
        return source.size, source.classes
    if earlier is None or earlier.differences(source.identity()):
        return None, None
    _, height, width, channels = earlier.artifacts[0].inputs[0].shape
    return ImageSize(height, width, channels), earlier.classes


def of_the_same(
    earlier: Manifest | None, request: ExportRequest, sets: ImageSets | None, size: ImageSize | None
) -> Manifest | None:
    """``earlier`` where the same inputs made it, whichever files were asked for then; else None."""
    is_same = earlier is not None and sets is not None and earlier.key == request.key(sets, size)
    return earlier if is_same else None


def intact(folder: Path, manifest: Manifest | None) -> tuple[Artifact, ...]:
    """The files of the manifest that are there with the content that it names."""
    return tuple(
        artifact
        for artifact in (manifest.artifacts if manifest else ())
        if (folder / artifact.name).is_file()
        and verification.sha256(folder / artifact.name) == artifact.sha256
    )
