"""The arrays of an ``.npz``, read whole into memory; folders of images are read one at a time."""

import math
import zipfile
from typing import IO

import numpy as np
from numpy.lib import format as npy

from models.command_line import unforeseen
from models.command_line.errors import DeviceError, RequestError
from models.untrusted_files import free_memory, regular_file


def names(where: str) -> list[str]:
    """The names of the arrays; RequestError where ``where`` is no .npz."""
    regular_file.check(where, where, "expected what numpy.savez writes")
    try:
        with zipfile.ZipFile(where) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except OSError as error:
        raise RequestError(f"{where} cannot be read ({error.strerror})") from error
    except Exception:  # of a damaged archive: anything
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
    except OSError as error:
        raise RequestError(f"{where} cannot be read ({error.strerror or error})") from error
    except Exception as error:  # numpy, zipfile and the tokenizer of a header raise what they like
        if "allow_pickle" in str(error):
            raise RequestError(
                f"{name} in {where} holds pickled Python objects; expected a plain array of "
                "numbers, all images of one size"
            ) from None
        raise RequestError(
            f"{name} in {where} is damaged ({unforeseen.summary(error)}); expected what "
            "numpy.savez writes; write the file again"
        ) from error


def _check_size(member: IO[bytes], stored: int) -> None:
    """ValueError where the header of an array names another size than the file has: memory is asked
    for by the header, before anything is read."""
    version = npy.read_magic(member)
    header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in header:
        raise ValueError(f"version {version} of the header is not known")
    shape, _, dtype = header[version](member)
    if dtype.hasobject:
        raise ValueError("allow_pickle is off, and it holds objects")
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"{shape} is no shape")
    expected, found = math.prod(shape) * dtype.itemsize, stored - member.tell()
    if expected != found:
        raise ValueError(f"its header names {expected:,} bytes, and there are {found:,}")


def _check_memory(where: str, name: str) -> None:
    """MemoryError before Linux grants memory that it has not, and ends the process for using it."""
    with zipfile.ZipFile(where) as archive, archive.open(f"{name}.npy") as member:
        needed = archive.getinfo(f"{name}.npy").file_size
        _check_size(member, needed)
    free = free_memory.free_bytes()
    if free is not None and needed > free:
        raise MemoryError(f"{needed / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free")
