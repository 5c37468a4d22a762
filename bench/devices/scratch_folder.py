"""A temporary folder of a bench, whose faults are said with its path."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from models.command_line.errors import DeviceError
from quantize.runtime import scratch_folder as on_disk

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def scratch_folder(parent: str | None = None) -> Iterator[Path]:
    """A new folder in ``parent``, or in TMPDIR, until the block ends, or until the next bench where
    this one is killed. DeviceError where there can be none."""
    with ExitStack() as made:
        try:
            path = made.enter_context(on_disk.scratch_folder(parent))
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise DeviceError(
                f"no temporary folder can be made ({error.strerror or error}{where}); set TMPDIR "
                "to a folder with some room, which you may write to"
            ) from error
        yield Path(path)


@contextmanager
def told_if_full(folder: Path) -> Iterator[None]:
    """DeviceError that names ``folder``, where something is written, if its disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DeviceError(
            f"{folder} is full ({error.strerror}); free some space in {tempfile.gettempdir()}, or "
            "set TMPDIR to another folder"
        ) from error
