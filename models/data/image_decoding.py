"""From a picture to the pixels a network reads: decoding, resizing, cropping, all with Pillow."""

from pathlib import Path

import numpy as np

from models.data import picture_files
from models.data.image_source import MIN_SIDE_PIXELS, ImageSize, UnreadableImage
from models.untrusted_files import regular_file

UPRIGHT = 1  # the EXIF orientation of what is stored as it is seen
CROP_FRACTION = 0.875  # 224 of 256: the evaluation crop of the MobileNet papers' code
MARGIN = 16  # how many times longer than the crop a picture may be before its ends are cut off
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def decode(path: Path, size: ImageSize) -> np.ndarray:
    """The photograph at ``path`` as uint8 [height, width, channels], as ImageNet is evaluated.

    The shorter side is scaled to ``size / 0.875`` (bilinear, antialiased) and the centre cropped;
    for a size that is not square, the picture is scaled until it covers both sides / 0.875.
    Grey, palette and CMYK pictures become RGB; alpha is dropped; of several frames or pages the
    first is taken. A picture is turned upright as its EXIF orientation says: cameras store what
    their sensor saw, and apps show it upright. Raises UnreadableImage.
    """
    from PIL import Image

    check_is_file(path)
    try:
        with Image.open(path, formats=picture_files.possible_formats(path)) as image:
            check_bit_depth(image)
            if min(image.size) < MIN_SIDE_PIXELS:
                raise UnreadableImage(
                    f"it is {image.height}x{image.width} pixels; expected at least "
                    f"{MIN_SIDE_PIXELS} a side"
                )
            picture = _upright(image).convert("RGB" if size.channels == 3 else "L")
    except (UnreadableImage, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        if picture_files.is_heic(path):
            raise UnreadableImage(picture_files.HEIC_ADVICE) from None
        raise UnreadableImage("it is no image that Pillow reads, or is damaged") from None
    except Exception as error:  # damaged bytes make Pillow raise anything, AssertionError included
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableImage(f"it cannot be decoded ({' '.join(reason.split())})") from error
    return centre_crop(picture, size)


def _upright(image):
    """``image`` (an opened Pillow image) turned as its EXIF orientation says; as it is where there
    is none, or EXIF data that cannot be read, which viewers pass over as well."""
    from PIL import ExifTags, ImageOps

    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # damaged bytes make Pillow raise anything
        orientation = UPRIGHT
    return image if orientation == UPRIGHT else ImageOps.exif_transpose(image)


def check_is_file(path: Path | str) -> None:
    """UnreadableImage for what only has the name of a picture: reading a pipe would never end."""
    try:
        found = regular_file.other_kind(path)
    except OSError as error:
        raise UnreadableImage(f"it cannot be read ({error.strerror})") from error
    if found:
        raise UnreadableImage(f"it is {found}; expected a file")


def check_bit_depth(image) -> None:
    """UnreadableImage for an opened picture of more than 8 bits a channel: of some kinds Pillow
    would silently drop the lower bits, of others all that is above 255."""
    packed = [str(tile.args) for tile in getattr(image, "tile", [])]
    if image.mode in DEEP_MODES or any(";16" in words for words in packed):
        raise UnreadableImage(f"it is a 16-bit {image.format}; expected 8 bits a channel")


def scaled_frame(size: ImageSize) -> tuple[int, int]:
    """Height and width that a picture is scaled to cover before the centre is cropped."""
    return round(size.height / CROP_FRACTION), round(size.width / CROP_FRACTION)


def centre_crop(picture, size: ImageSize) -> np.ndarray:
    """``picture`` (a Pillow image) scaled to cover the frame, its centre as uint8 [h, w, c].

    The same pixels as torchvision's ``Resize`` and ``CenterCrop`` give.
    """
    from PIL import Image

    picture = _without_far_ends(picture, size)
    frame_height, frame_width = scaled_frame(size)
    if frame_height * picture.width >= frame_width * picture.height:
        height = frame_height
        width = max(frame_width, int(frame_height * picture.width / picture.height))
    else:
        width = frame_width
        height = max(frame_height, int(frame_width * picture.height / picture.width))
    whole = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    top = round((height - size.height) / 2)
    left = round((width - size.width) / 2)
    cropped = whole[top : top + size.height, left : left + size.width]
    return np.ascontiguousarray(cropped).reshape(size.height, size.width, size.channels)


def _without_far_ends(picture, size: ImageSize):
    """The middle of a very long picture: scaled as a whole, an 8x60000 one would take 2 GB."""
    proportion = max(size.height, size.width) / min(size.height, size.width)
    longest = round(MARGIN * proportion * min(picture.size))
    across, down = (max(0, side - longest) // 2 for side in picture.size)
    if not across and not down:
        return picture
    return picture.crop((across, down, picture.width - across, picture.height - down))


def crop_decoder(size: ImageSize) -> str:
    """The name of what ``decode`` does, for the manifest."""
    import PIL

    height, width = scaled_frame(size)
    scaled = f"shorter side {height}" if height == width else f"scaled to cover {height}x{width}"
    colour = "RGB" if size.channels == 3 else "grey"
    return (
        f"Pillow {PIL.__version__}: {scaled}, bilinear, antialiased; centre crop {size}; "
        f"{colour}; EXIF orientation applied"
    )


def whole_frame(pixels: np.ndarray, size: ImageSize) -> np.ndarray:
    """``pixels`` [h, w, c] resized as a whole to ``size``; one channel repeats to three.

    Bilinear in float32 (antialiased where it shrinks). uint8 stays uint8, rounded once at the end,
    so within half a grey level of ``tf.image.resize`` where it enlarges; float becomes float32.
    """
    from PIL import Image

    if pixels.shape[:2] != (size.height, size.width):
        resized = [
            Image.fromarray(np.ascontiguousarray(pixels[..., c], np.float32)).resize(
                (size.width, size.height), Image.Resampling.BILINEAR
            )
            for c in range(pixels.shape[2])
        ]
        stacked = np.stack([np.asarray(channel) for channel in resized], axis=-1)
        pixels = np.rint(stacked).astype(np.uint8) if pixels.dtype == np.uint8 else stacked
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32, copy=False)
    return np.repeat(pixels, size.channels, axis=2) if pixels.shape[2] < size.channels else pixels


def whole_frame_decoder(height: int, width: int, channels: int, size: ImageSize) -> str:
    """The name of what ``whole_frame`` does to images of that shape, for the manifest."""
    import PIL

    if (height, width) == (size.height, size.width):
        words = f"as stored, {size}"
    else:
        words = f"Pillow {PIL.__version__}: whole frame {height}x{width} to {size}, bilinear"
    return words + ("; grey repeated to 3 channels" if channels < size.channels else "")
