"""An array inside an .npz, read a few rows at a time, so that it never has to fit in memory."""

import lzma
import math
import os
import shutil
import struct
import tempfile
import weakref
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from models.command_line.errors import DeviceError, RequestError

DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, struct.error)
UNSUPPORTED = (NotImplementedError, RuntimeError)  # unknown compression; encrypted
LOCAL_HEADER_BYTES = 30
COPY_BYTES = 1 << 20


class StoredArray:
    """Rows of an array that starts ``offset`` bytes into an open ``file``.

    Indexing reads one row; ``rows(start, stop)`` a block. ``shape`` and ``dtype`` as in NumPy.
    """

    def __init__(self, file: BinaryIO, offset: int, shape: tuple[int, ...], dtype: np.dtype):
        self.file, self.offset, self.shape, self.dtype = file, offset, shape, dtype
        self.row_bytes = math.prod(shape[1:]) * dtype.itemsize
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        return self.rows(int(index), int(index) + 1)[0]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start`` to ``stop``, a copy; pread leaves no pages mapped and no position."""
        wanted = self.row_bytes * (stop - start)
        at = self.offset + self.row_bytes * start
        raw = bytearray()
        while len(raw) < wanted:  # Linux reads at most 2 GiB at once
            part = os.pread(self.file.fileno(), wanted - len(raw), at + len(raw))
            if not part:
                raise DeviceError("the .npz became shorter while it was read")
            raw += part
        return np.frombuffer(raw, self.dtype).reshape(stop - start, *self.shape[1:])


def member_names(path: str) -> list[str]:
    """Names of the arrays in the .npz at ``path``; RequestError where it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror})") from error
    except DAMAGE:
        raise RequestError(
            f"{path} is not an .npz file (no zip archive, or cut short); expected what "
            "numpy.savez writes"
        ) from None


def open_member(path: str, name: str) -> StoredArray:
    """The array ``name`` of the .npz at ``path``; a compressed one is unpacked to a hidden file.

    Raises RequestError for pickled objects, Fortran order and damage; DeviceError where the
    temporary folder has no room.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(name + ".npy")
            with archive.open(entry) as member:
                shape, dtype = _read_header(member, path, name)
                header_bytes = member.tell()
                expected_bytes = header_bytes + math.prod(shape) * dtype.itemsize
                if entry.file_size != expected_bytes:
                    raise ValueError(f"{entry.file_size} bytes, expected {expected_bytes}")
                if entry.compress_type != zipfile.ZIP_STORED:
                    return StoredArray(_unpack(member, path, name), 0, shape, dtype)
        file = open(path, "rb")  # noqa: SIM115 (StoredArray closes it)
        return StoredArray(file, _data_offset(file, entry) + header_bytes, shape, dtype)
    except (*DAMAGE, *UNSUPPORTED) as error:
        raise RequestError(
            f"{name} in {path} is damaged ({' '.join(str(error).split())}); expected what "
            "numpy.savez writes; write the file again"
        ) from error


def _read_header(member: BinaryIO, path: str, name: str) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
    else:
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(member)
    if dtype.hasobject:
        raise RequestError(
            f"{name} in {path} holds pickled Python objects; expected a plain array of numbers, "
            "all images of one size"
        )
    if fortran_order and len(shape) > 1:
        raise RequestError(
            f"{name} in {path} is stored in Fortran order; expected C order; save "
            f"{name}=numpy.ascontiguousarray({name})"
        )
    return shape, dtype


def _unpack(member: BinaryIO, path: str, name: str) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (StoredArray closes it)
    try:
        shutil.copyfileobj(member, file, COPY_BYTES)
        file.flush()
    except OSError as error:
        file.close()
        raise DeviceError(
            f"no room to unpack {name} of {path} in {tempfile.gettempdir()} ({error.strerror}); "
            "type TMPDIR=… before make, or write the file with numpy.savez (not compressed)"
        ) from error
    except BaseException:
        file.close()
        raise
    return file


def _data_offset(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its local header, whose lengths can differ from
    those in the archive's directory."""
    header = os.pread(file.fileno(), LOCAL_HEADER_BYTES, entry.header_offset)
    name_bytes, extra_bytes = struct.unpack("<HH", header[26:30])
    return entry.header_offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes
