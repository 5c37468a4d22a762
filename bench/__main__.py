"""Command line: ``python -m bench run|gate|report``."""

import shlex
import sys
from collections.abc import Sequence

from bench.gate import run_gate
from bench.records import Records
from bench.report import print_report
from bench.run import run_bench
from models import command
from models.options import OneLineParser, from_namespace, parser

COMMANDS = {
    "run": "time and judge every exported file in every runtime that reads it",
    "gate": "fail when int8 loses more top-1 than gate.toml allows",
    "report": "the newest measurement of everything, as Markdown",
}


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv``; its exit code."""
    return command.exit_code(lambda: _dispatch(argv), "interrupted; finished rows are kept")


def _dispatch(argv: Sequence[str]) -> None:
    known = OneLineParser(prog="python -m bench", description=__doc__)
    known.add_argument(
        "command", choices=COMMANDS, help="; ".join(map(": ".join, COMMANDS.items()))
    )
    name = known.parse_args(argv[:1]).command
    asked = parser(f"python -m bench {name}", COMMANDS[name])
    asked.add_argument("--json", action="store_true", help="results as JSON on standard output")
    namespace = asked.parse_args(argv[1:])
    typed = shlex.join(["python", "-m", "bench", *argv])
    if name == "report":
        print_report(Records(), namespace.json)
    else:
        command_of = {"run": run_bench, "gate": run_gate}
        command_of[name](from_namespace(namespace), typed, namespace.json)


if __name__ == "__main__":
    command.end_as_by_ctrl_c()
    sys.exit(main(sys.argv[1:]))
