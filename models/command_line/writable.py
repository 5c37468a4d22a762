"""Files that results are written to: looked at before the work, and written whole or not at all."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

ROOM = 4096  # bytes, a block: a full disk is found out, too
SYSTEM = (Path("/dev"), Path("/proc"))  # e.g. /dev/stdout, which may lead to a file


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
        if not _is_replaced(path):
            return None
    return fault_of_folder(_place(path).parent)


def write(path: Path, content: bytes) -> None:
    """``content`` as the file at ``path``: a new one that takes its place when it is whole.

    A link stays one, and what is no file of its own, e.g. /dev/stdout or a pipe, is written to.
    """
    if not _is_replaced(path):
        with path.open("ab") as opened:
            opened.write(content)
        return
    place = _place(path)
    partial = place.with_name(f".{os.getpid()}.partial")  # short: the name may be as long as can be
    try:
        partial.write_bytes(content)
        with contextlib.suppress(FileNotFoundError):
            partial.chmod(stat.S_IMODE(place.stat().st_mode))
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _place(path: Path) -> Path:
    """Where the file itself is, which links may lead to."""
    return Path(os.path.realpath(path))


def _is_replaced(path: Path) -> bool:
    """True where there is a regular file at ``path``, or nothing yet."""
    of_system = any(folder in path.absolute().parents for folder in SYSTEM)
    return not of_system and (path.is_file() or not path.exists())


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
