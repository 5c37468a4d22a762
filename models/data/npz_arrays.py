"""The arrays of an ``.npz``, read whole into memory; folders of images are read one at a time."""

import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError

import numpy as np

from models.command_line.errors import DeviceError, RequestError

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
MEMORY_FACTS = Path("/proc/meminfo")


def names(where: str) -> list[str]:
    """The names of the arrays; RequestError where ``where`` is no .npz."""
    try:
        with np.load(where, allow_pickle=False) as stored:
            return list(stored.files)
    except OSError as error:
        raise RequestError(f"{where} cannot be read ({error.strerror})") from error
    except (*DAMAGE, UnpicklingError, AttributeError, TypeError):  # the last two: a single array
        raise RequestError(
            f"{where} is not an .npz file (no zip archive, or cut short); expected what "
            "numpy.savez writes"
        ) from None


def read(where: str, name: str) -> np.ndarray:
    """The array ``name``; RequestError for pickled objects and damage, DeviceError where memory
    cannot hold it."""
    try:
        _check_memory(where, name)
        with np.load(where, allow_pickle=False) as stored:
            found = stored[name]
        if not isinstance(found, np.ndarray):  # bytes of a file that only has the name of an array
            raise ValueError("no array")
        return found
    except MemoryError as error:
        raise DeviceError(
            f"{name} in {where} does not fit into memory ({error}); "
            "expected fewer images, or a folder of class folders, which is read image by image"
        ) from None
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise RequestError(
                f"{name} in {where} holds pickled Python objects; expected a plain array of "
                "numbers, all images of one size"
            ) from None
        raise RequestError(
            f"{name} in {where} is damaged ({' '.join(str(error).split())}); expected what "
            "numpy.savez writes; write the file again"
        ) from error


def _check_memory(where: str, name: str) -> None:
    """MemoryError before Linux grants memory that it has not, and ends the process for using it."""
    with zipfile.ZipFile(where) as archive:
        needed = archive.getinfo(f"{name}.npy").file_size
    if MEMORY_FACTS.exists():
        facts = dict(line.split(":", 1) for line in MEMORY_FACTS.read_text().splitlines())
        free = int(facts["MemAvailable"].split()[0]) << 10
        if needed > free:
            raise MemoryError(f"{needed / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free")
