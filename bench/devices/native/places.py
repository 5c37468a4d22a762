"""Folders of the native runner: its sources, and the builds that are kept."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.devices.file_lock import file_lock
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
        with ExitStack() as acquired:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                acquired.enter_context(file_lock(self.cache / f"{name}.lock"))
            except OSError as error:
                raise DeviceError(
                    f"the native runner cannot be kept in {folder} ({error.strerror}); make it "
                    "writable"
                ) from error
            yield folder


PLACES = Places()
