"""``bench list``: the newest runs of the history, one a line."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict

from bench.console.output import add_layout
from bench.console.record_table import NOT_KNOWN, percent
from bench.history import run_filter
from bench.history.history import History
from bench.history.run_line import RunLine
from models.command_line.columns import WIDTH, aligned
from models.command_line.printable import printable_lines

DEFAULT_LIMIT = 20
MINUTES = len("2026-01-01T00:00")
# What has one value in all lines is written once, above them.
SAID_ONCE = ("kind", "model", "device", "threads", "commit")
FIGURES = ("id", "threads", "median ms", "±", "top-1")
WIDE_ONLY = ("threads", "±", "commit")


def add_arguments(parser: ArgumentParser) -> None:
    run_filter.add_options(parser, DEFAULT_LIMIT)
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")
    add_layout(parser)


def run(namespace: Namespace, typed: str) -> None:
    """Print the runs; RequestError where there are none."""
    history, chosen = History(), run_filter.asked(namespace)
    found = history.listing(**chosen)
    if not found:
        raise run_filter.nothing_found(history, chosen)
    if namespace.json:
        print(json.dumps({"runs": list(map(_as_dict, found))}, indent=2))
    else:
        print(printable_lines(text(found, namespace.wide)))


def _as_dict(line: RunLine) -> dict:
    return {**asdict(line), "caveats": line.warnings}  # their name in earlier output


def text(runs: Sequence[RunLine], wide: bool = False) -> str:
    """A line for each of ``runs``; ``wide``: every column, however long the lines become."""
    lines = list(map(_cells, runs))
    once, left_out = [], ()
    if not wide:
        left_out = WIDE_ONLY
        once = [name for name in SAID_ONCE if len({line[name] for line in lines}) == 1 < len(lines)]
    columns = [name for name in lines[0] if name not in (*once, *left_out)]
    rows = [columns, *([line[name] for name in columns] for line in lines)]
    right = [number for number, name in enumerate(columns) if name in FIGURES]
    heading = [", ".join(f"{name} {lines[0][name]}" for name in once)] if once else []
    return "\n".join([*heading, aligned(rows, right, None if wide else WIDTH)])


def _cells(line: RunLine) -> dict[str, str]:
    latency = line.latency
    untimed = "emulated" if line.emulated and not line.error else NOT_KNOWN
    return {
        "id": str(line.id),
        "time (UTC)": line.time_utc[:MINUTES].replace("T", " "),
        "kind": line.kind,
        "model": line.model_id,
        "file": line.artifact,
        "runtime": line.runtime,
        "device": line.device,
        "threads": NOT_KNOWN if line.threads is None else str(line.threads),
        "median ms": f"{latency.median_ns / 1e6:.3f}" if latency else untimed,
        "±": f"{latency.precision:.1%}" if latency else "",
        "top-1": percent(line.top1),
        "commit": line.commit or NOT_KNOWN,
        "warnings": f"error: {line.error}" if line.error else ", ".join(line.warnings),
    }
