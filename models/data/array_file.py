"""An .npz of images ``x`` and labels ``y``, and arrays as a source of images."""

import hashlib
from dataclasses import dataclass

import numpy as np

from models.command_line.errors import RequestError
from models.data import image_decoding, npz_arrays
from models.data.image_source import MIN_SIDE_PIXELS, ImageSize, LabelledImages, label_limit

PIXEL_DTYPES = "expected uint8 or float, pixels in 0..255"
SAVE_ADVICE = "save it with numpy.savez('images.npz', x=images, y=labels)"


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images in an array: ``x[i]`` is [h, w], [h, w, 1] or [h, w, 3], uint8 or float."""

    x: np.ndarray
    name: str
    size: ImageSize
    kind: str = "array"

    def read(self, index: int) -> np.ndarray:
        pixels = self.x[index]
        return image_decoding.whole_frame(pixels.reshape(*pixels.shape[:2], -1), self.size)

    def item_name(self, index: int) -> str:
        return f"{self.name}[{index}]"

    def item_size(self, index: int) -> int:
        return int(np.prod(self.x.shape[1:]))

    def digest(self, index: int) -> bytes:
        """Of the pixels, whatever their type: the same picture as uint8 and as float is equal."""
        pixels = self.x[index]
        if pixels.dtype != np.uint8:
            whole = pixels.astype(np.uint8)
            pixels = whole if np.array_equal(whole, pixels) else pixels.astype("<f4")
        return hashlib.sha256(np.ascontiguousarray(pixels)).digest()


def open_array_file(where: str, role: str, size: ImageSize, classes: int | None) -> LabelledImages:
    """The images and labels in the .npz ``where``; ``y`` may be missing for role CALIB.

    x is [n, h, w], [n, h, w, 1] or [n, h, w, 3], uint8 or float in 0..255; y is [n] integers.
    Both are read whole. Raises RequestError for anything else, and DeviceError where memory cannot
    hold them.
    """
    names = npz_arrays.names(where)
    for name in ("x", "y") if role == "DATA" else ("x",):
        if name not in names:
            found = ", ".join(names) or "nothing"
            raise RequestError(
                f"{role}={where} has no array {name} (it has {found}); expected x (images) and y "
                f"(labels); {SAVE_ADVICE}"
            )
    x = npz_arrays.read(where, "x")
    place = f"x in {role}={where}"
    _check_shape(x, place, size)
    _check_values(x, place)
    height, width = x.shape[1:3]
    channels = x.shape[3] if len(x.shape) == 4 else 1
    labels = np.zeros(len(x), np.int64)
    if role == "DATA":
        labels = _read_labels(where, len(x), classes)
    elif "y" in names:
        labels = _read_labels(where, len(x), None)
    decoder = image_decoding.whole_frame_decoder(height, width, channels, size)
    return LabelledImages(ArrayImages(x, where, size), labels, (), decoder)


def _check_shape(x: np.ndarray, place: str, size: ImageSize) -> None:
    shape = list(x.shape)
    if len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        raise RequestError(
            f"{place} has shape {shape}, channels first; expected [n, height, width, channels]; "
            "save x=x.transpose(0, 2, 3, 1).copy()"
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise RequestError(
            f"{place} has shape {shape}; expected [n, height, width], [n, height, width, 1] or "
            "[n, height, width, 3]"
        )
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise RequestError(f"{place} is {x.dtype}; {PIXEL_DTYPES}; save x=x.astype('uint8')")
    if not shape[0]:
        raise RequestError(f"{place} holds no image (shape {shape}); expected at least one")
    height, width = shape[1:3]
    if min(height, width) < MIN_SIDE_PIXELS:
        raise RequestError(
            f"{place} holds images of {height}x{width} pixels; expected at least "
            f"{MIN_SIDE_PIXELS} a side"
        )
    if height * size.width != width * size.height:
        raise RequestError(
            f"{place} holds images of {height}x{width} pixels but the model reads {size}, other "
            f"proportions; expected {size}; crop or resize them first"
        )
    if len(shape) == 4 and shape[3] > size.channels:
        raise RequestError(
            f"{place} has 3 channels but the model reads 1; expected [n, height, width] or "
            "[n, height, width, 1]; convert the images to grey first"
        )


def _check_values(x: np.ndarray, place: str) -> None:
    if x.dtype == np.uint8:
        return
    for number, image in enumerate(x):
        if not np.isfinite(image).all():
            raise RequestError(
                f"{place} has NaN or infinity in image {number}; expected pixels in 0..255"
            )
    lowest, highest = x.min(), x.max()
    if lowest < 0 or highest > 255:
        raise RequestError(
            f"{place} has values from {lowest:g} to {highest:g}; expected pixels in 0..255, not "
            "preprocessed"
        )
    if highest <= 1:
        raise RequestError(
            f"{place} has float values up to only {highest:g}, so it looks scaled; expected "
            "pixels in 0..255; save x=x * 255"
        )


def _read_labels(where: str, images: int, classes: int | None) -> np.ndarray:
    y = npz_arrays.read(where, "y")
    place = f"y in {where}"
    if len(y.shape) != 1:
        raise RequestError(
            f"{place} has shape {list(y.shape)}; expected [{images}], one label an image "
            "(a column: save y=y.ravel(); one-hot: save y=y.argmax(axis=1))"
        )
    if y.dtype.kind not in "iu":
        raise RequestError(f"{place} is {y.dtype}; expected integers; save y=y.astype(int)")
    if len(y) != images:
        raise RequestError(
            f"{place} has {len(y)} labels for {images} images; expected as many as images"
        )
    lowest, highest = int(y.min()), int(y.max())
    limit = label_limit(classes) if classes is not None else None
    if lowest < 0 or (limit is not None and highest >= limit):
        wrong = lowest if lowest < 0 else highest
        expected = "0 or more" if limit is None else f"0 to {limit - 1}, the model's outputs"
        at = int(np.argmax(y == wrong))
        raise RequestError(f"{place} has label {wrong} (image {at}); expected {expected}")
    return y.astype(np.int64)
