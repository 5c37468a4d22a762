"""A temporary folder that goes with its process; what a killed process left goes with the next."""

import contextlib
import os
import shutil
import tempfile

from models.scratch.folder_lock import locked, locked_if_left

PREFIX = "mobilenet-deploy-"


@contextlib.contextmanager
def scratch_folder(parent=None, prefix=PREFIX, suffix=""):
    """The path of a new folder in ``parent``, or in TMPDIR, until the block ends. OSError, with its
    path, where it cannot be made."""
    parent = parent or tempfile.gettempdir()
    _remove_left(parent, prefix)
    with contextlib.ExitStack() as ending:
        path = None
        while path is None or not os.path.isdir(path):
            path = tempfile.mkdtemp(suffix, prefix, parent)
            ending.callback(shutil.rmtree, path, ignore_errors=True)
            # Until it is locked another process may take it for one that was left, and remove it.
            ending.enter_context(locked(path))
        yield path


def _remove_left(parent, prefix):
    """Remove the folders in ``parent`` whose owners have ended; others of this user alone."""
    for entry in os.scandir(parent):
        if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
            with locked_if_left(entry.path) as is_left:
                if is_left:
                    shutil.rmtree(entry.path, ignore_errors=True)
