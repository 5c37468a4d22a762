"""The end of every command: the exit code that users rely on, and one line for an error."""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict

from models.command_line import quiet_logs, streams, unforeseen
from models.command_line.columns import shortened
from models.command_line.errors import DeviceError, RequestError
from models.command_line.printable import printable_lines

LONGEST_LINE = 4000  # characters of an error; a name in it may be of any length
OF_SIGNAL, READER_GONE = 128, 141  # 128 plus the signal, as shells have it


def exit_code(work: Callable[[], object], when_interrupted: str) -> int:
    """Run ``work`` and say how it ended: 0 done, 1 check failed, 2 wrong request, 3 device.

    An error that nobody foresaw is one line, too, and 3, or 2 where it is about a path that was
    typed; DEBUG=1 shows its traceback. Standard output that cannot be written is 3 as well, once
    the work is done; it is 128 plus a signal's number where that ended the work.
    """
    streams.make_usable()
    error = _error_of(work)
    fault = streams.fault_of_output()
    if isinstance(fault, BrokenPipeError):
        return READER_GONE
    if isinstance(error, KeyboardInterrupt):
        streams.tell(when_interrupted)
        return OF_SIGNAL + (error.args[0] if error.args else signal.SIGINT)
    code = 0 if fault is None else DeviceError.exit_code
    if error is not None:
        code = unforeseen.exit_code(error, sys.argv[1:])
        streams.tell(f"error: {shortened(unforeseen.in_one_line(error), LONGEST_LINE)}")
    return code


def _error_of(work: Callable[[], object]) -> BaseException | None:
    try:
        _prepare()
        work()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


def _prepare() -> None:
    """Surroundings that the work, and what it starts, can count on; RequestError for a lost one."""
    # Nothing of ours, nor what it starts, is to call anybody: ONNX Runtime does unless told not to.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if os.path.expanduser("~") == "~":  # no home: Keras would make a folder of that name here
        os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), ".keras"))
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise RequestError(
            "the folder that this was started in is no more; change to one that is there (cd)"
        ) from error


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
    print(
        json.dumps([asdict(row) for row in rows], indent=2)
        if namespace.json
        else printable_lines(text)
    )
