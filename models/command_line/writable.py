"""Whether a file can be written, found out before the work that it is the result of."""

import os
import stat
import tempfile
from pathlib import Path

ROOM = 4096  # bytes, a block: a full disk is found out, too


def fault_of(path: Path) -> str | None:
    """The reason why there cannot be a new file at ``path``, or what is there cannot be written
    again; None where it can. Leaves nothing, and what is there as it is."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        return _reason(error)
    if mode is not None:
        if stat.S_ISDIR(mode):
            return "it is a folder"
        if not os.access(path, os.W_OK):
            return "it may not be written"
        if not stat.S_ISREG(mode):  # e.g. /dev/stdout, which may be a pipe
            return None
    return fault_of_folder(path.parent)


def fault_of_folder(folder: Path) -> str | None:
    """The same, of any file in ``folder``."""
    try:
        if not folder.is_dir():
            return f"{folder} is no folder"
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM))
    except OSError as error:
        return _reason(error)
    return None


def fault_of_made_folder(folder: Path) -> str | None:
    """The same of a ``folder`` that is made, within its parent, where it is not there yet."""
    return fault_of_folder(folder if os.path.lexists(folder) else folder.parent)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
