"""Locks on folders: one owner at a time, known to be gone however it ended.

The kernel gives a lock back when its owner ends, by ``kill -9`` as well, and whatever process ids
mean to those who share the folder. Where a file system knows no locks, nobody has one.
"""

import contextlib
import os

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None


@contextlib.contextmanager
def locked(folder):
    """The folder as long as this block runs; whoever else wants it waits."""
    with _opened(folder) as opened:
        if opened is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def locked_if_left(folder):
    """True, until the block ends, where a folder of this user's that was ``locked`` no longer is;
    False where that cannot be told."""
    with _opened(folder) as opened:
        yield opened is not None and _is_free(opened)


def _is_free(opened):
    if os.fstat(opened).st_uid != os.geteuid():
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _opened(folder):
    """A descriptor that children do not inherit; None where there is nothing to lock."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) if fcntl else None
    except OSError:
        opened = None
    try:
        yield opened
    finally:
        if opened is not None:
            os.close(opened)
