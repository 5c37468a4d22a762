"""Places that are no regular file: reading a device, a pipe or a socket need not end."""

import os
import stat
from pathlib import Path

from models.command_line.errors import RequestError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def other_kind(path: Path | str) -> str | None:
    """The kind of what is at ``path``, links followed; None for a regular file. OSError where there
    is nothing. Opens nothing: to open a pipe is to wait for who writes into it."""
    mode = os.stat(path).st_mode
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def check(path: Path | str, what: str, expected: str, most_bytes: int | None = None) -> None:
    """RequestError where ``path``, which is there, is no regular file that can be looked up, or is
    larger than ``most_bytes``.

    ``what`` begins the message, e.g. "MODEL 'net.keras'", and ``expected`` ends it.
    """
    try:
        found = other_kind(path)
    except OSError as error:
        raise RequestError(f"{what} cannot be read ({error.strerror}); {expected}") from error
    if found:
        raise RequestError(f"{what} is {found}; {expected}")
    size = os.stat(path).st_size
    if most_bytes is not None and size > most_bytes:
        raise RequestError(
            f"{what} has {size / 1e6:,.0f} MB; {expected} of at most {most_bytes / 1e6:,.0f} MB"
        )
