"""An error that nobody foresaw, said in one line; its traceback is for DEBUG=1."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from models.command_line.errors import CommandError, DeviceError, RequestError
from models.command_line.printable import printable
from models.command_line.starting import first_cause

LENGTH = 240  # characters of a message that are shown
OF_PATHS = (  # errors that another path would not have; not e.g. a full disk
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EEXIST, errno.EINVAL, errno.ENXIO),
)
LIMITS = {  # limits of this process that a shell, a service or a container sets
    errno.EMFILE: "more files are to be open than this process may have: raise ulimit -n",
    errno.EFBIG: "a file is to be longer than this process may make it: raise ulimit -f",
    errno.EAGAIN: "more processes are needed than this user may have: raise ulimit -u",
}


def debugging() -> bool:
    """True where DEBUG=1 asks for tracebacks and for what libraries print."""
    return os.environ.get("DEBUG", "") not in ("", "0")


def exit_code(error: BaseException, typed: Sequence[str]) -> int:
    """The code that the command ends with: of a RequestError where ``error`` is about a path that
    is among the words ``typed``, or in it, and not about what a machine has run out of."""
    if isinstance(error, CommandError):
        return error.exit_code
    of_path = isinstance(error, OSError) and error.errno in OF_PATHS
    named = [error.filename, error.filename2] if of_path else []
    paths = {Path(os.fsdecode(name)).absolute() for name in named if isinstance(name, str | bytes)}
    given = {Path(part).absolute() for word in typed for part in _values(word)}
    about = any(path == one or one in path.parents for path in paths for one in given)
    return RequestError.exit_code if about else DeviceError.exit_code


def _values(word: str) -> list[str]:
    """The parts of a ``word`` of the command line that may be paths: --name=one,another."""
    value = word.partition("=")[2] if word.startswith("-") else word
    return [part for part in (value, *value.split(",")) if part]


def in_one_line(error: BaseException) -> str:
    """The reason why something could not be done; with DEBUG=1 the traceback goes to stderr."""
    if debugging():
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, CommandError):
        return " ".join(printable(str(error)).split())
    if isinstance(error, MemoryError):
        return "memory ran out"
    error = first_cause(error)
    said, kind = summary(error), type(error).__name__
    shown = f"{kind}: {said} (DEBUG=1 shows where)" if said else f"{kind} (DEBUG=1 shows where)"
    advice = LIMITS.get(error.errno) if isinstance(error, OSError) else None
    return f"{shown}; {advice}" if advice else shown


def summary(error: BaseException) -> str:
    """The first line of what ``error`` says, with the text that could not be encoded, cut where it
    is long; "" where it says nothing."""
    lines = [" ".join(printable(line).split()) for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else ""
    if isinstance(error, UnicodeError) and len(error.args) > 1:
        said = f"{said}, in {error.args[1]!r}"
    return said if len(said) <= LENGTH else said[: LENGTH - 1] + "…"
