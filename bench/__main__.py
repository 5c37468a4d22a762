"""The command line ``mobilenet-bench``: a command name and the module that runs it."""

import importlib
import sys
from collections.abc import Sequence

from models.command_line import starting

# A command is a module with ``add_arguments(parser)`` and ``run(namespace, typed)``.
COMMANDS = {
    "run": (
        "bench.run.run",
        "time every exported file in every runtime that reads it, and evaluate it",
    ),
    "gate": ("bench.gates.gate", "hold the exported files against the limits of gate.toml"),
    "baseline": (
        "bench.gates.baseline_command",
        "the measurement that later gates compare with",
    ),
    "summary": ("bench.cost.summary", "the cost of each layer of a network, and of the whole"),
    "device-clean": (
        "bench.devices.device_clean",
        "remove all that a bench left on a device",
    ),
    "report": ("bench.report.report", "the newest measurement of everything, as one HTML file"),
    "list": ("bench.history.list_runs", "the newest runs of the history, one a line"),
    "show": ("bench.history.show_run", "everything about one run"),
    "compare": (
        "bench.history.compare_runs",
        "two runs of the same machine side by side",
    ),
    "rescue": (
        "bench.history.rescue_runs",
        "what can be read of a damaged history, in a new file",
    ),
    "export": ("bench.history.export_runs", "the runs of the history as CSV or JSON"),
}


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv``; its exit code."""
    from models.command_line import command  # here: see ``script``

    return command.exit_code(lambda: _dispatch(argv), "interrupted; finished rows are kept")


def _dispatch(argv: Sequence[str]) -> None:
    import shlex

    from models.command_line.advice import module_line
    from models.command_line.options import OneLineParser

    known = OneLineParser(prog=module_line("bench"), description=__doc__)
    purposes = "; ".join(f"{name}: {purpose}" for name, (_, purpose) in COMMANDS.items())
    known.add_argument("command", choices=COMMANDS, help=purposes)
    name = known.parse_args(argv[:1]).command
    module, purpose = COMMANDS[name]
    # Only the command that was asked for: `list` should not wait for what `run` needs.
    chosen = importlib.import_module(module)
    asked = OneLineParser(prog=module_line("bench", name), description=purpose)
    chosen.add_arguments(asked)
    typed = shlex.join(["mobilenet-bench", *argv])
    chosen.run(asked.parse_args(argv[1:]), typed)


def script() -> int:
    """The program of ``mobilenet-bench``."""
    return starting.run(main, "models.command_line.command")


if __name__ == "__main__":
    sys.exit(script())
