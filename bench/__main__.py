"""Command line: ``python -m bench COMMAND``; ``--help`` names the commands."""

import shlex
import sys
from collections.abc import Sequence
from importlib import import_module

from models import command
from models.options import OneLineParser, from_namespace, parser

COMMANDS = {
    "run": "time and judge every exported file in every runtime that reads it",
    "gate": "fail when int8 loses more top-1 than gate.toml allows",
    "report": "the newest measurement of everything, as Markdown",
    "list": "the newest runs of the history, one a line",
    "show": "everything about one run",
    "compare": "two runs side by side; those of unlike machines are refused",
    "export": "the runs of the history as CSV or JSON",
    "rescue": "what can be read of a damaged history, in a new file",
}
# Their modules have a ``main(prog, argv)``, and options of their own.
HISTORY = {
    "list": "bench.listing",
    "show": "bench.showing",
    "compare": "bench.comparison",
    "export": "bench.history_export",
    "rescue": "bench.rescue",
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
    if name in HISTORY:
        import_module(HISTORY[name]).main(f"python -m bench {name}", argv[1:])
    else:
        _measure(name, argv)


def _measure(name: str, argv: Sequence[str]) -> None:
    """The commands that take the options of an export."""
    asked = parser(f"python -m bench {name}", COMMANDS[name])
    asked.add_argument("--json", action="store_true", help="results as JSON on standard output")
    namespace = asked.parse_args(argv[1:])
    typed = shlex.join(["python", "-m", "bench", *argv])
    if name == "report":
        from bench.records import Records
        from bench.report import print_report

        print_report(Records(), namespace.json)
    else:
        from bench.gate import run_gate
        from bench.run import run_bench

        command_of = {"run": run_bench, "gate": run_gate}
        command_of[name](from_namespace(namespace), typed, namespace.json)


if __name__ == "__main__":
    command.end_as_by_ctrl_c()
    sys.exit(main(sys.argv[1:]))
