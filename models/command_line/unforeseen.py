"""An error that nobody foresaw, said in one line; its traceback is for DEBUG=1."""

import os
import sys
import traceback

from models.command_line.errors import CommandError

LENGTH = 240  # characters of a message that are shown


def debugging() -> bool:
    """True where DEBUG=1 asks for tracebacks and for what libraries print."""
    return os.environ.get("DEBUG", "") not in ("", "0")


def in_one_line(error: BaseException) -> str:
    """The reason why something could not be done; with DEBUG=1 the traceback goes to stderr."""
    if debugging():
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, CommandError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "memory ran out"
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else ""
    if len(said) > LENGTH:
        said = said[: LENGTH - 1] + "…"
    kind = type(error).__name__
    return f"{kind}: {said} (DEBUG=1 shows where)" if said else f"{kind} (DEBUG=1 shows where)"
