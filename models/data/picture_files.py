"""The files that are pictures: which ones Pillow reads, told by their names or their content."""

import os
from functools import cache
from pathlib import Path

from models.untrusted_files import regular_file

# Formats whose files Pillow names but does not decode, or only through a program of its own (EPS:
# Ghostscript, which runs what the file says).
NOT_DECODED = ("EPS", "MPEG")
# What a file of no such name, e.g. a download without a suffix, is looked at for. TIFF is not among
# them: camera raw files open as TIFF, and are a thumbnail of the photograph then.
BY_CONTENT = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "AVIF")
HEIC_SUFFIXES = (".heic", ".heics", ".heif", ".heifs", ".hif")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
HEIC_ADVICE = (
    "Pillow does not read HEIC; convert it to JPEG, e.g. heif-convert photo.heic photo.jpg"
)
EXPECTED = "images that Pillow reads (.jpg .png .webp .bmp .gif .tif and others)"


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that it decodes itself."""
    from PIL import Image, ImageFile

    Image.init()
    return tuple(
        name
        for name, (factory, _) in Image.OPEN.items()
        if name not in NOT_DECODED
        and not (isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile))
    )


@cache
def format_of_suffix() -> dict[str, str]:
    """Endings of the names of such files, e.g. ".jpg", in small letters, and their formats."""
    from PIL import Image

    decoded = {*formats(), "MPO"}  # MPO is opened as JPEG
    return {
        suffix: name for suffix, name in Image.registered_extensions().items() if name in decoded
    }


def possible_formats(path: Path) -> list[str]:
    """The formats that the file at ``path`` may be in, whatever its name says.

    Some have no signature by which a file is known, so that damaged bytes of others would pass as
    such pictures: those are taken by name alone.
    """
    from PIL import Image

    named = format_of_suffix().get(_suffix(path))
    return [name for name in formats() if Image.OPEN[name][1] is not None or name == named]


def is_picture(path: Path) -> bool:
    """True for a name that says so and, for other names, for content that Pillow recognizes."""
    suffix = _suffix(path)
    return suffix in format_of_suffix() or (suffix not in HEIC_SUFFIXES and _has_picture(path))


def is_heic(path: Path) -> bool:
    """True for a photograph in the format of newer phones, by its name or its first bytes."""
    if _suffix(path) in HEIC_SUFFIXES:
        return True
    try:
        if regular_file.other_kind(path):
            return False
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError:
        return False  # whoever reads it says why it cannot be read
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


def _suffix(path: Path) -> str:
    return os.path.splitext(path.name)[1].lower()


def _has_picture(path: Path) -> bool:
    from PIL import Image

    if not path.is_file():
        return False
    try:
        with Image.open(path, formats=[name for name in BY_CONTENT if name in formats()]):
            return True
    except Exception:  # Pillow raises anything for bytes that are no picture
        return False
