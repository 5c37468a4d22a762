"""The standard streams of a command, whatever the shell, terminal or service that started it."""

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable

NAMES = ("stdin", "stdout", "stderr")
SEND_IT = "standard output cannot be written: {}; nothing more is printed; send it elsewhere"


class _Stream(io.FileIO):
    """A file that work goes on after, whatever becomes of it: from its first ``fault`` on, what is
    written is lost. One that is not to be waited for is waited for all the same."""

    fault: OSError | None = None
    at_fault: Callable[[OSError], None] = staticmethod(lambda error: None)

    def write(self, data) -> int:
        if self.fault is not None:
            return len(data)
        try:
            while (count := super().write(data)) is None:  # it is O_NONBLOCK, and full
                select.select([], [self], [])
            return count
        except OSError as error:
            self.fault = error
            self.at_fault(error)
            return len(data)


def lasting(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """A text stream to a descriptor that any text can be written to, without an error.

    A character that the encoding has not (a name that is no UTF-8, ± in ASCII) is written as its
    number.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(number, "w", closefd=False)),
        like.encoding,
        "backslashreplace",
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )


def make_usable() -> None:
    """Standard streams that hinder no work: closed, full, or in an encoding that lacks characters.

    A stream that the caller closed leads nowhere: what is printed is for nobody, and the next file
    that is opened must not get its place. A fault of standard output is told at once, since work
    may go on for minutes; BrokenPipeError, which ends the work, where its reader has gone.
    """
    for number in range(len(NAMES)):
        _reserve(number)
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))  # noqa: SIM115
            setattr(sys, f"__{name}__", getattr(sys, name))
    if sys.stdout is sys.__stdout__:  # not what a test has put there
        sys.stdout = lasting(1, sys.stdout)
        sys.stdout.buffer.raw.at_fault = _tell_of_output
    if sys.stderr is sys.__stderr__:
        sys.stderr = lasting(2, sys.stderr)


def _reserve(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:  # closed; the lower ones are open, so that this is the next
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _tell_of_output(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise error
    tell(f"error: {SEND_IT.format(error.strerror or error)}")


def fault_of_output() -> OSError | None:
    """The reason why what was printed did not all reach standard output; None where it did."""
    with contextlib.suppress(BrokenPipeError):  # it is the fault
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return getattr(raw, "fault", None)


def tell(line: str) -> None:
    """``line`` on standard error. Where nobody can be told, the work goes on, and the exit code is
    all that is left."""
    # In one piece: print writes a line and its end apart; another thread's may come between.
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
