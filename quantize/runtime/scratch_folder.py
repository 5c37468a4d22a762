"""A temporary folder that goes with its process; what a killed process left goes with the next.

Its owner holds a lock on the folder itself, which the system gives back however the owner ends.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager

PREFIX = "mobilenet-deploy-"


@contextmanager
def scratch_folder(parent=None):
    """The path of a new folder in ``parent``, or in TMPDIR, until the block ends. OSError, with its
    path, where it cannot be made."""
    parent = parent or tempfile.gettempdir()
    remove_left(parent)
    path, held = _made(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if held is not None:
            os.close(held)


def remove_left(parent):
    """Remove the folders in ``parent`` whose owners have ended; others of this user alone."""
    for entry in os.scandir(parent):
        if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
            try:
                held = _locked(entry.path, wait=False)
            except OSError:
                continue  # it is another user's, is used, or is gone
            if held is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(held)


def _made(parent):
    while True:
        path = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        held = _locked(path, wait=True)
        # Another process may have taken it for one that was left, until it was locked.
        if os.path.isdir(path):
            return path, held
        if held is not None:
            os.close(held)


def _locked(path, wait):
    """A descriptor that locks the folder of this user; None where its file system has no locks, or
    it is somebody else's."""
    try:
        import fcntl
    except ImportError:  # no Unix
        return None
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(held).st_uid == os.geteuid():
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return held
    except OSError:
        if not wait:
            os.close(held)
            raise
    os.close(held)
    return None
