"""Temporary folders whose faults are said with their path and what to do."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.command_line.errors import DeviceError
from models.scratch import scratch_folder as on_disk

FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM_BYTES = 1 << 20  # less than that is no room


@contextlib.contextmanager
def scratch_folder(parent: str | None = None) -> Iterator[Path]:
    """A new folder in ``parent``, or in TMPDIR, gone afterwards; those that killed processes left
    go too. DeviceError, naming the place, where it is full or cannot be written."""
    with contextlib.ExitStack() as ending:
        try:
            parent = parent or tempfile.gettempdir()
            folder = ending.enter_context(on_disk.scratch_folder(parent))
        except OSError as error:  # no parent: Python has tried every place that there is
            raise _unusable(parent or os.environ.get("TMPDIR", "/tmp"), error) from error
        try:
            yield Path(folder)
        except OSError as error:
            if error.errno in FULL and shutil.disk_usage(folder).free < ROOM_BYTES:
                raise _unusable(parent, error) from error
            raise


def _unusable(folder: str, error: OSError) -> DeviceError:
    return DeviceError(
        f"the temporary folder '{folder}' cannot be written ({error.strerror or error}); make room "
        "there, or name another: TMPDIR=/path/to/folder"
    )
