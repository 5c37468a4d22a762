"""A process here through which one on a device is spoken to."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from typing import IO

END_S = 5.0


@contextlib.contextmanager
def running(
    words: Sequence[str], stdin: IO | int, stdout: IO | int = subprocess.PIPE
) -> Iterator[subprocess.Popen]:
    """``words`` at work in a session of its own, where no Ctrl-C reaches it; standard error is a
    pipe. Ended behind the block."""
    process = subprocess.Popen(
        list(words), stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
    )
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
