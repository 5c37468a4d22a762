"""The end of every command: the exit code that users rely on, and one line for an error."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict

from models.command_line import quiet_logs, streams, unforeseen
from models.command_line.columns import shortened
from models.command_line.errors import DeviceError
from models.command_line.printable import printable_lines
from models.command_line.starting import end_as_by_ctrl_c as end_as_by_ctrl_c

LONGEST_LINE = 4000  # characters of an error; a name in it may be of any length
INTERRUPTED, READER_GONE = 130, 141  # 128 plus the signal, as shells have it


def exit_code(work: Callable[[], object], when_interrupted: str) -> int:
    """Run ``work`` and say how it ended: 0 done, 1 check failed, 2 wrong request, 3 device.

    An error that nobody foresaw is one line, too, and 3, or 2 where it is about a path that was
    typed; DEBUG=1 shows its traceback. So is standard output that cannot be written.
    """
    # Nothing of ours, nor what it starts, is to call anybody: ONNX Runtime does unless told not to.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if os.path.expanduser("~") == "~":  # no home: Keras would make a folder of that name here
        os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), ".keras"))
    streams.make_usable()
    error = _error_of(work)
    fault = streams.fault_of_output()
    if isinstance(error, OSError) and fault is not None and error.errno == fault.errno:
        error = None  # it is what ended the work
    if isinstance(error, BrokenPipeError) or (error is None and isinstance(fault, BrokenPipeError)):
        return READER_GONE
    code = 0
    if isinstance(error, KeyboardInterrupt):
        code = INTERRUPTED
        streams.tell(when_interrupted)
    elif error is not None:
        code = unforeseen.exit_code(error, sys.argv[1:])
        streams.tell(f"error: {shortened(unforeseen.in_one_line(error), LONGEST_LINE)}")
    if fault is not None and not isinstance(fault, BrokenPipeError):
        reason = fault.strerror or fault
        streams.tell(f"error: standard output cannot be written: {reason}; send it elsewhere")
    return code or (0 if fault is None else DeviceError.exit_code)


def _error_of(work: Callable[[], object]) -> BaseException | None:
    try:
        work()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


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
