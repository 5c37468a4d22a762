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
    """Images in an array: ``x[i]`` is [h, w] or [h, w, c], uint8 or float."""

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
    """The images and labels in the .npz ``where``. ``y`` is needed where images are evaluated by
    label, or learned from: for roles other than CALIB with ``classes``.

    x is [n, h, w], [n, h, w, 1] or [n, h, w, c] of the model's c channels, uint8 or float in
    0..255; y is [n] integers. Both are read whole. Raises RequestError for anything else, and
    DeviceError where memory cannot hold them.
    """
    names = npz_arrays.names(where)
    labelled = role != "CALIB" and classes is not None
    for name in ("x", "y") if labelled else ("x",):
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
    if labelled:
        labels = _read_labels(where, len(x), classes)
    else:
        labels = _labels_if_any(where, names, len(x))
    decoder = image_decoding.whole_frame_decoder(height, width, channels, size)
    return LabelledImages(ArrayImages(x, where, size), labels, (), decoder)


def _check_shape(x: np.ndarray, place: str, size: ImageSize) -> None:
    shape = list(x.shape)
    usual = (1, 3, size.channels)
    if len(shape) == 4 and shape[3] not in usual and shape[1] in usual:
        raise RequestError(
            f"{place} has shape {shape}, channels first; expected [n, height, width, channels]; "
            "save x=x.transpose(0, 2, 3, 1).copy()"
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in usual):
        raise RequestError(f"{place} has shape {shape}; expected {_expected_shape(size)}")
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
    channels = shape[3] if len(shape) == 4 else 1
    if channels == size.channels or (channels, size.channels) == (1, 3):  # grey repeats to RGB
        return
    advice = "; convert the images to grey first" if (channels, size.channels) == (3, 1) else ""
    raise RequestError(
        f"{place} has {channels} {'channel' if channels == 1 else 'channels'} but the model reads "
        f"{size.channels}; expected {_expected_shape(size)}{advice}"
    )


def _expected_shape(size: ImageSize) -> str:
    """The shapes that a model of that size can be given, for a message."""
    if size.channels not in (1, 3):
        return f"[n, height, width, {size.channels}]"
    grey = "[n, height, width], [n, height, width, 1]"
    return f"{grey} or [n, height, width, 3]" if size.channels == 3 else grey


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


def _read_labels(where: str, images: int, classes: int) -> np.ndarray:
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
    lowest, highest, limit = int(y.min()), int(y.max()), label_limit(classes)
    if lowest < 0 or highest >= limit:
        wrong = lowest if lowest < 0 else highest
        at = int(np.argmax(y == wrong))
        raise RequestError(
            f"{place} has label {wrong} (image {at}); expected 0 to {limit - 1}, the model's "
            "outputs"
        )
    return y.astype(np.int64)


def _labels_if_any(where: str, names: list[str], images: int) -> np.ndarray:
    """Labels by which images are only spread over classes: those of ``y`` where it has one for each
    image, else all 0."""
    if "y" in names:
        y = npz_arrays.read(where, "y")
        if y.shape == (images,) and y.dtype.kind in "iu":
            return y.astype(np.int64)
    return np.zeros(images, np.int64)
