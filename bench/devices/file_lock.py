"""A lock on a file of this machine, which one process has at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.command_line.errors import DeviceError


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """The block, in one process at a time; OSError where ``path`` cannot be written.

    DeviceError on a system without such locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise DeviceError(
            "this system has no file locks; devices are prepared from Linux or macOS, on Windows "
            "in its Subsystem for Linux"
        ) from error
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
