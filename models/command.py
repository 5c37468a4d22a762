"""How every command of ours ends: the exit code that users rely on, and one line for an error."""

import os
import signal
import sys
from collections.abc import Callable

from models.errors import CommandError

INTERRUPTED, READER_GONE = 130, 141  # 128 plus the signal, as shells have it


def exit_code(work: Callable[[], object], when_interrupted: str) -> int:
    """Run ``work`` and say how it ended: 0 done, 1 check failed, 2 wrong request, 3 device."""
    try:
        work()
    except CommandError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(when_interrupted, file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of standard output went away; what Python would still flush has no reader.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return 0


def end_as_by_ctrl_c() -> None:
    """Make SIGTERM clean up and end children as Ctrl-C does. For ``__main__`` only."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
