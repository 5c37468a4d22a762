"""The service ``sync:``: files pushed, pulled, looked at and listed, as in SYNC.TXT of Android."""

import contextlib
import os
import stat
import struct
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from device_android.faults import Faults
from device_android.stream import Stream, StreamClosed

REQUEST = struct.Struct("<4sI")
STAT_1 = struct.Struct("<4s3I")
ENTRY_1 = struct.Struct("<4s4I")
# id, error, device, inode, mode, links, user, group, size, and three times in seconds
STAT_2 = struct.Struct("<4sI2Q4IQ3q")
ENTRY_2 = struct.Struct("<4sI2Q4IQ3qI")
CHUNK = 64 << 10
MAX_PATH = 1024


class SyncService:
    """Answers requests of ``stream`` until it ends or says QUIT."""

    def __init__(self, stream: Stream, faults: Faults) -> None:
        self._stream, self._faults = stream, faults
        self._requests = {
            b"STAT": self._stat_1, b"STA2": self._stat_2, b"LST2": self._stat_2,
            b"LIST": self._list, b"LIS2": self._list, b"SEND": self._send, b"RECV": self._recv,
        }  # fmt: skip

    def run(self) -> None:
        with contextlib.suppress(StreamClosed):
            while True:
                name, size = REQUEST.unpack(self._stream.read(REQUEST.size))
                if name == b"QUIT":
                    break
                if name not in self._requests or size > MAX_PATH:
                    self._fail(f"unknown command {name!r} of {size} bytes")
                    break
                self._requests[name](name, os.fsdecode(self._stream.read(size)))
            self._stream.close()

    def _stat_1(self, name: bytes, path: str) -> None:
        try:
            found = os.lstat(path)
        except OSError:  # all zero is how the protocol says that it is not there
            self._stream.write(STAT_1.pack(name, 0, 0, 0))
        else:
            self._stream.write(STAT_1.pack(name, *_old_fields(found)))

    def _stat_2(self, name: bytes, path: str) -> None:
        try:
            found = os.lstat(path) if name == b"LST2" else os.stat(path)
        except OSError as error:
            self._stream.write(STAT_2.pack(name, error.errno, *[0] * 10))
        else:
            self._stream.write(STAT_2.pack(name, 0, *_fields(found)))

    def _list(self, name: bytes, path: str) -> None:
        new = name == b"LIS2"
        parts = []
        with contextlib.suppress(OSError):  # a folder that cannot be read is an empty one
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
                found, label = entry.stat(follow_symlinks=False), os.fsencode(entry.name)
                if new:
                    parts.append(ENTRY_2.pack(b"DNT2", 0, *_fields(found), len(label)) + label)
                else:
                    parts.append(ENTRY_1.pack(b"DENT", *_old_fields(found), len(label)) + label)
        layout = ENTRY_2 if new else ENTRY_1
        self._stream.write(b"".join(parts) + b"DONE".ljust(layout.size, b"\0"))

    def _recv(self, _: bytes, path: str) -> None:
        try:
            with open(path, "rb", buffering=0) as file:
                while content := file.read(CHUNK):
                    self._stream.write(REQUEST.pack(b"DATA", len(content)) + content)
        except OSError as error:
            self._fail(f"open failed: {error.strerror}")
        else:
            self._stream.write(REQUEST.pack(b"DONE", 0))

    def _send(self, _: bytes, request: str) -> None:
        path, _, mode = request.rpartition(",")
        kept = self._faults.kept_bytes()
        content = self._pushed()
        reason = self._taken(path, int(mode), content, kept)
        for _ in content:  # what is still under way after a failure
            pass
        if reason:
            self._fail(reason)
        else:
            os.utime(path, (self._time_s, self._time_s), follow_symlinks=False)
            self._stream.write(REQUEST.pack(b"OKAY", 0))

    def _taken(self, path: str, mode: int, content: Iterator[bytes], kept: int | None) -> str:
        """Writes a file or link; why it cannot, if so."""
        try:
            replaceable = _is_replaceable(path)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            if replaceable:
                Path(path).unlink(missing_ok=True)
            if stat.S_ISLNK(mode):
                os.symlink(os.fsdecode(b"".join(content).rstrip(b"\0")), path)
                return ""
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode & 0o777)
        except OSError as error:
            return f"couldn't create file: {error.strerror}"
        try:
            with open(descriptor, "wb", buffering=0) as file:
                _write(file, mode, content, kept)
        except (OSError, StreamClosed) as error:
            if replaceable:
                os.unlink(path)
            if isinstance(error, StreamClosed):
                raise
            return f"write failed: {error.strerror}"
        return ""

    def _pushed(self) -> Iterator[bytes]:
        """The parts of a pushed file; ``_time_s`` is set when they have all come."""
        while True:
            name, size = REQUEST.unpack(self._stream.read(REQUEST.size))
            if name == b"DONE":
                self._time_s = size
                return
            if name != b"DATA" or size > CHUNK:
                raise StreamClosed
            yield self._stream.read(size)

    def _fail(self, reason: str) -> None:
        content = reason.encode()
        self._stream.write(REQUEST.pack(b"FAIL", len(content)) + content)


def _is_replaceable(path: str) -> bool:
    """Something that is neither file nor link, such as a device, is written to instead."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _write(file: FileIO, mode: int, content: Iterator[bytes], kept: int | None) -> None:
    # What the owner may, all may.
    owner = mode >> 6 & 7
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.fchmod(file.fileno(), owner << 6 | owner << 3 | owner)
    written = 0
    for part in content:
        if kept is not None:
            part = part[: max(0, kept - written)]
        while part:
            count = file.write(part)
            written += count
            part = part[count:]


def _old_fields(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_mode, found.st_size & 0xFFFF_FFFF, int(found.st_mtime)


def _fields(found: os.stat_result) -> tuple[int, ...]:
    times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
    return (
        found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid,
        found.st_size, *times,
    )  # fmt: skip
