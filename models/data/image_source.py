"""The source of labelled images: what every kind of it offers to a data set."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.command_line.errors import RequestError

MIN_SIDE_PIXELS = 8  # below this an "image" is a stray icon or a tracking pixel


@dataclass(frozen=True)
class ImageSize:
    """Input size of a network: ``height`` x ``width`` pixels in 1 (grey), 3 (RGB) or, with images
    from arrays, any number of channels."""

    height: int
    width: int
    channels: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


class UnreadableImage(Exception):
    """One image of a set cannot be used; the message is the reason, without the image's name."""


class Source(Protocol):
    """Images by index, read one at a time.

    Digests of two sources can be compared where their ``kind`` is the same.
    """

    kind: str

    def read(self, index: int) -> np.ndarray:
        """Pixels [height, width, channels] in 0..255, uint8 or float32; or UnreadableImage."""

    def item_name(self, index: int) -> str:
        """The image's name in a message."""

    def item_size(self, index: int) -> int:
        """A size that is equal for images of equal content; cheap; or UnreadableImage."""

    def digest(self, index: int) -> bytes:
        """SHA-256 of the image's raw content; or UnreadableImage."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """The images of an opened place: ``labels`` int64 [n]; ``class_names`` () where there are none.

    ``warnings`` are sentences a reader of an accuracy figure should see.
    """

    source: Source
    labels: np.ndarray
    class_names: tuple[str, ...]
    decoder: str
    warnings: tuple[str, ...] = ()


def label_limit(classes: int) -> int:
    """The number of labels that fit ``classes`` outputs: a single output tells two apart."""
    return 2 if classes == 1 else classes


def check_class_count(found: int, classes: int | None, where: str, advice: str) -> None:
    """RequestError where the data has more classes than the model has outputs."""
    if classes is not None and found > label_limit(classes):
        raise RequestError(
            f"{where} has {found} classes but the model has {outputs_in_words(classes)}; expected "
            f"at most {label_limit(classes)} classes; {advice}"
        )


def outputs_in_words(classes: int) -> str:
    """The number of outputs, for a message."""
    return "1 output" if classes == 1 else f"{classes} outputs"
