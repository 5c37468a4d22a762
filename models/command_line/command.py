"""The end of every command: the exit code that users rely on, and one line for an error."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from models.command_line import quiet_logs, unforeseen
from models.command_line.errors import CommandError, DeviceError

INTERRUPTED, READER_GONE = 130, 141  # 128 plus the signal, as shells have it


def exit_code(work: Callable[[], object], when_interrupted: str) -> int:
    """Run ``work`` and say how it ended: 0 done, 1 check failed, 2 wrong request, 3 device.

    An error that nobody foresaw is 3 and one line, too; DEBUG=1 shows its traceback.
    """
    # Nothing of ours, nor what it starts, is to call anybody: ONNX Runtime does unless told not to.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
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
    except Exception as error:
        print(f"error: {unforeseen.in_one_line(error)}", file=sys.stderr)
        return DeviceError.exit_code
    return 0


def print_rows(
    parser: argparse.ArgumentParser,
    argv: Sequence[str],
    make: Callable[[argparse.Namespace], tuple[list, str]],
) -> None:
    """Print what ``make`` gives for the command line: dataclasses as --json, or a text."""
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    namespace = parser.parse_args(argv)
    with quiet_logs.held_back():
        rows, text = make(namespace)
    print(json.dumps([asdict(row) for row in rows], indent=2) if namespace.json else text)


def end_as_by_ctrl_c() -> None:
    """Make SIGTERM clean up and end children as Ctrl-C does. For ``__main__`` only."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
