"""Temporary folders that go with their owner, and those of owners that were killed."""

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from models.command_line.errors import RequestError
from models.command_line.folder_lock import has_no_owner, locked

PREFIX = "mobilenet-deploy-"
FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM_BYTES = 1 << 20  # less than that is no room
NEW_S = 10.0  # a folder is this old before it counts as left: its owner may be about to lock it


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder in the temporary one, gone afterwards; those that killed processes left go too.

    RequestError, naming it, where the temporary folder is full or cannot be written.
    """
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError as error:  # it has tried every place that there is
        raise _unusable(Path(os.environ.get("TMPDIR", "/tmp")), error.strerror) from error
    sweep(parent, f"{PREFIX}*")
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as error:
        raise _unusable(parent, error.strerror) from error
    try:
        with locked(folder):
            folder.mkdir(exist_ok=True)  # another process may have taken it for left until now
            yield folder
    except OSError as error:
        if error.errno in FULL and shutil.disk_usage(folder).free < ROOM_BYTES:
            raise _unusable(parent, error.strerror) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, pattern: str) -> None:
    """Remove the folders in ``parent`` of that name whose owners are no more."""
    for left in parent.glob(pattern):
        with contextlib.suppress(OSError):  # another process may remove it just now
            is_old = time.time() - left.lstat().st_mtime > NEW_S
            if is_old and left.is_dir() and not left.is_symlink() and has_no_owner(left):
                shutil.rmtree(left, ignore_errors=True)


def _unusable(folder: Path, why: str | None) -> RequestError:
    return RequestError(
        f"the temporary folder '{folder}' cannot be written ({why}); make room there, or name "
        "another: TMPDIR=/path/to/folder"
    )
