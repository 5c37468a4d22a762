"""One set of images for two purposes: a part to calibrate on, the others to evaluate on."""

from collections.abc import Sequence

import numpy as np

from models.data.dataset import Dataset
from models.data.image_source import UnreadableImage

ONE_IN = 3


def set_aside(images: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of about one image in three, to calibrate on, and of the others.

    The content alone decides, so that copies of an image are on the same side, and every image
    stays where it is whatever its name and whichever images come or go.
    """
    of_part = np.fromiter((_is_aside(images, index) for index in range(len(images))), bool)
    return np.flatnonzero(of_part), np.flatnonzero(~of_part)


def _is_aside(images: Dataset, index: int) -> bool:
    try:
        return images.source.digest(index)[0] % ONE_IN == 0
    except UnreadableImage:
        return False  # refused or skipped when it is to be evaluated


def in_words(images: Dataset, aside: Sequence[int] | np.ndarray) -> str:
    """The note on such a set."""
    other = {"DATA": "CALIB", "CALIB": "DATA"}[images.role]
    return (
        f"no {other} was given: of the {len(images)} images of {images.role}={images.name}, "
        f"{len(aside)} are set aside to calibrate on (one in {ONE_IN}, by content), and the others "
        "are evaluated on"
    )
