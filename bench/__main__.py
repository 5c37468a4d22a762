"""Command line: ``python -m bench run|gate|report``."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from bench.gate import run_gate
from bench.records import Records
from bench.report import print_report
from bench.run import run_bench
from models.errors import CommandError, RequestError
from models.options import from_namespace, parser

COMMANDS = {
    "run": "time and judge every exported file in every runtime that reads it",
    "gate": "fail when int8 loses more top-1 than gate.toml allows",
    "report": "the newest measurement of everything, as Markdown",
}


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv``; its exit code: 0 done, 1 gate failed, 2 request, 3 device."""
    try:
        return _dispatch(argv)
    except CommandError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; finished rows are kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of standard output went away; what Python would still flush has no reader.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _refuse(message: str) -> NoReturn:
    """What argparse calls on a wrong command line, instead of printing its usage."""
    raise RequestError(message)


def _dispatch(argv: Sequence[str]) -> int:
    known = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    known.add_argument(
        "command", choices=COMMANDS, help="; ".join(map(": ".join, COMMANDS.items()))
    )
    known.error = _refuse
    name = known.parse_args(argv[:1]).command
    asked = parser(f"python -m bench {name}", COMMANDS[name])
    asked.add_argument("--json", action="store_true", help="results as JSON on standard output")
    asked.error = _refuse
    namespace = asked.parse_args(argv[1:])
    command = shlex.join(["python", "-m", "bench", *argv])
    if name == "report":
        print_report(Records(), namespace.json)
    else:
        command_of = {"run": run_bench, "gate": run_gate}
        command_of[name](from_namespace(namespace), command, namespace.json)
    return 0


if __name__ == "__main__":
    # A runner is in a session of its own; this way it is ended by SIGTERM as it is by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
