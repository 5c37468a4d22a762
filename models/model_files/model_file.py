"""The facts that every kind of model file tells: its image, its outputs, and what it computes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from models.data.image_source import ImageSize
from models.networks.spec import Preprocess

CHANNELS = (1, 3, 4)
LETTERS = 200  # of another library's message


@dataclass(frozen=True)
class End:
    """The image or an output of a file, its shape with the batch. ``affine`` is scale and zero
    point of an integer that stands for a real number; None where it stands for itself."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    affine: tuple[float, int] | None

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Real values as the file reads them."""
        if self.dtype.startswith("float"):
            return values.astype(self.dtype)
        scale, zero_point = self.affine or (1.0, 0)
        limits = np.iinfo(self.dtype)
        steps = np.rint(values / np.float32(scale)) + zero_point
        return np.clip(steps, limits.min, limits.max).astype(limits.dtype)

    def real(self, stored: np.ndarray) -> np.ndarray:
        """The outputs of the file as real numbers, float32, in one row."""
        row = np.asarray(stored).astype(np.float32).ravel()
        if self.affine is None:
            return row
        return (row - self.affine[1]) * np.float32(self.affine[0])


class ModelFile(Protocol):
    """An opened file of one image; RequestError, in one line, where its runtime cannot run it."""

    path: Path
    image: End
    outputs: tuple[End, ...]
    channels_first: bool

    @property
    def size(self) -> ImageSize:
        """Size of the image."""

    @property
    def scheme(self) -> str:
        """``float32``, ``float16``, ``int8`` or another arithmetic."""

    @property
    def preprocess(self) -> tuple[Preprocess, str] | None:
        """The scaling of pixels by the file's own word, and how it says so."""

    @property
    def output_kind(self) -> str | None:
        """Kind of a single row of classes; None where only the values can tell."""

    @property
    def last_kind(self) -> str:
        """The operator that its (first) output comes from."""

    def check_float(self) -> None:
        """RequestError, with the remedy, where it is not the float network."""

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Outputs float32 [n, k] of preprocessed images [h, w, c], those of an image in a row."""

    def values_ahead(self) -> Callable[[float], np.ndarray] | None:
        """The values that reach the first layer with a kernel, for an image that is one number."""

    def without_final_activation(self) -> "ModelFile":
        """The file ended before its softmax or sigmoid."""


def is_channels_first(shape: Sequence[int]) -> bool:
    """True of [n, c, h, w], as far as the numbers tell."""
    return shape[1] in CHANNELS and shape[3] not in CHANNELS


def image_size(shape: Sequence[int], channels_first: bool) -> ImageSize:
    """The size of the image in [1, h, w, c] or [1, c, h, w]."""
    _, *sides = shape
    return ImageSize(sides[1], sides[2], sides[0]) if channels_first else ImageSize(*sides)


def in_order(image: np.ndarray, channels_first: bool) -> np.ndarray:
    """An image [h, w, c] with its channels where the file reads them."""
    return image.transpose(2, 0, 1) if channels_first else image


def pixel_scaling(image: End) -> Preprocess | None:
    """The scaling by which pixels fill all 256 steps of an 8-bit image; None for any other."""
    if image.dtype not in ("int8", "uint8"):
        return None
    scale, zero_point = image.affine or (1.0, 0)
    return Preprocess(scale, scale * (int(np.iinfo(image.dtype).min) - zero_point))


def one_line(error: Exception) -> str:
    """The first line of another library's message, not too long."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:LETTERS].rstrip(".")
