"""Folders of the native runner: its sources, and the builds that are kept."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import DeviceError

PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Places:
    """``harness`` is the folder of the CMake project, ``cache`` the one that is written to."""

    harness: Path = PROJECT / "android_harness"
    cache: Path = PROJECT / ".cache" / "native"

    @contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """The folder ``name`` of the cache, for one process at a time; DeviceError without it."""
        folder = self.cache / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (self.cache / f"{name}.lock").open("w")
        except OSError as error:
            raise DeviceError(
                f"the native runner cannot be kept in {folder} ({error.strerror}); make it writable"
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


PLACES = Places()
