"""A process here through which one on a device is spoken to."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from models.command_line.errors import DeviceError

END_S, LOOK_S = 5.0, 0.1
MOST_BYTES = 64 * 2**20  # of what a program writes that is waited for: a device may write anything


@contextlib.contextmanager
def running(
    words: Sequence[str],
    stdin: IO | int,
    stdout: IO | int = subprocess.PIPE,
    kind: type[subprocess.Popen] = subprocess.Popen,
    errors: IO | int = subprocess.PIPE,
) -> Iterator[subprocess.Popen]:
    """``words`` running in a session of its own, where no Ctrl-C reaches it; ``errors`` takes its
    standard error. Ended after the block."""
    process = kind(list(words), stdin=stdin, stdout=stdout, stderr=errors, start_new_session=True)
    try:
        yield process
    finally:
        # A Ctrl-C at the wrong instant leaves Popen's lock taken: no wait here is unlimited.
        if process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def communicated(
    process: subprocess.Popen, given: bytes | None, timeout_s: float, stopped: threading.Event
) -> tuple[bytes, bytes]:
    """Like Popen's ``communicate``, but DeviceError soon after ``stopped`` is set, and for output
    of more than MOST_BYTES.

    Killing the process would not end the wait: ssh hands its pipes on to the process that holds
    the connection, and that waits for the device.
    """
    end = time.monotonic() + timeout_s
    while not stopped.is_set():
        left_s = end - time.monotonic()
        try:
            return process.communicate(given, max(0.0, min(LOOK_S, left_s)))
        except subprocess.TimeoutExpired as waiting:
            given = None  # it has that
            for written in (waiting.stdout, waiting.stderr):
                if written and len(written) > MOST_BYTES:
                    raise DeviceError(f"it wrote more than {MOST_BYTES >> 20} MiB") from None
            if left_s <= LOOK_S:
                raise
    raise DeviceError("it was told to stop")


def started(
    argv: Sequence[str], kind: type[subprocess.Popen] = subprocess.Popen
) -> subprocess.Popen:
    """A process that lines are exchanged with, in a session of its own."""
    return kind(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
