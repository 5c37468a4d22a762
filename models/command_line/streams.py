"""The standard streams of a command, whatever the shell, terminal or service that started it."""

import io
import os
import sys

NAMES = ("stdin", "stdout", "stderr")


def make_usable() -> None:
    """Streams that any text can be written to, without an error for what it contains.

    A character that the encoding of standard output has not (a name that is no UTF-8, ± in ASCII)
    is written as its number. A stream that the caller closed leads nowhere: what is printed is for
    nobody, and the next file that is opened must not get its place.
    """
    for number, name in enumerate(NAMES):
        _reserve(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _reserve(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:  # closed; the lower ones are open, so that this is the next
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def fault_of_output() -> OSError | None:
    """The reason why what was printed did not all reach standard output; None where it did.

    After a fault nothing more is written, so that Python does not try once more when it ends.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return error
    return None


def tell(line: str) -> None:
    """``line`` on standard error. Where nobody can be told, the work goes on, and the exit code is
    all that is left."""
    try:
        # In one piece: print writes a line and its end apart; another thread's may come between.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
