"""The export that is there already: whether its files are those that a new one would make."""

from pathlib import Path

from export import verification
from export.artifact import Manifest
from export.image_sets import ImageSets
from export.request import ExportRequest
from models.command_line.errors import RequestError
from models.data.image_source import ImageSize


def read(folder: Path) -> Manifest | None:
    """The manifest in ``folder``; None where there is none, or one of another version."""
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


def is_the_same(
    earlier: Manifest | None, request: ExportRequest, sets: ImageSets | None, size: ImageSize | None
) -> bool:
    """The same inputs made ``earlier``, and every file of it is there as it was written."""
    return (
        earlier is not None
        and sets is not None
        and earlier.key == request.key(sets, size)
        and _intact(request.folder, earlier)
    )


def _intact(folder: Path, manifest: Manifest) -> bool:
    """Every file is there with the content that the manifest names."""
    for artifact in manifest.artifacts:
        path = folder / artifact.name
        if not path.is_file() or verification.sha256(path) != artifact.sha256:
            return False
    return True
