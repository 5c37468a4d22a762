"""``bench list``: the newest runs of the history, one a line."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from bench.console.columns import aligned
from bench.console.record_table import NOT_KNOWN, percent
from bench.history import run_filter
from bench.history.history import History
from bench.history.run_line import RunLine

DEFAULT_LIMIT = 20
ERROR_CHARACTERS = 60
HEADING = (
    *("id", "time (UTC)", "kind", "model", "artifact", "runtime", "device", "threads"),
    *("median ms", "±", "top-1", "commit", "warnings"),
)
RIGHT = (0, 7, 8, 9, 10)


def add_arguments(parser: ArgumentParser) -> None:
    run_filter.add_options(parser, DEFAULT_LIMIT)
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def run(namespace: Namespace, typed: str) -> None:
    """Print the runs; RequestError where there are none."""
    history, chosen = History(), run_filter.asked(namespace)
    found = history.listing(**chosen)
    if not found:
        raise run_filter.nothing_found(history, chosen)
    if namespace.json:
        print(json.dumps({"runs": list(map(_as_dict, found))}, indent=2))
    else:
        print(aligned([HEADING, *map(_cells, found)], RIGHT))


def _as_dict(line: RunLine) -> dict:
    return {**asdict(line), "caveats": line.warnings}  # their name in earlier output


def _cells(line: RunLine) -> tuple[str, ...]:
    latency = line.latency
    untimed = "emulated" if line.emulated and not line.error else NOT_KNOWN
    warnings = ", ".join(line.warnings)
    if line.error:
        warnings = f"error: {line.error}"[:ERROR_CHARACTERS]
    return (
        str(line.id),
        line.time_utc.removesuffix("+00:00"),
        line.kind,
        line.model_id,
        line.artifact,
        line.runtime,
        line.device,
        NOT_KNOWN if line.threads is None else str(line.threads),
        f"{latency.median_ns / 1e6:.3f}" if latency else untimed,
        f"{100 * latency.precision:.1f}%" if latency else "",
        percent(line.top1),
        line.commit or "",
        warnings,
    )
