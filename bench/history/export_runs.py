"""``bench export``: the runs of the history as CSV or JSON, for other programs."""

import csv
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from itertools import chain
from typing import Any

from bench.console.foreign_text import csv_text
from bench.history import run_filter
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.record import Record
from models.command_line.errors import RequestError


def add_arguments(parser: ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", action="store_true", help="one row of figures for each run")
    form.add_argument("--json", action="store_true", help="everything that is kept of each run")
    parser.add_argument("--samples", action="store_true", help="raw samples too (with --json)")
    run_filter.add_options(parser, None)


def run(namespace: Namespace, typed: str) -> None:
    """Print the runs, newest first; RequestError where there are none."""
    if namespace.samples and namespace.csv:
        raise RequestError("--samples does not go with --csv, one row a run; expected --json")
    history, chosen = History(), run_filter.asked(namespace)
    found = history.each(**chosen)
    first = next(found, None)
    if first is None:
        raise run_filter.nothing_found(history, chosen)
    runs = chain([first], found)
    if namespace.csv:
        _print_csv(runs)
    else:
        _print_json(runs, namespace.samples)


def _print_csv(runs: Iterable[Record]) -> None:
    writer = None
    for record in runs:
        row = {name: _cell(value) for name, value in _csv_row(record).items()}
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)


def _csv_row(record: Record) -> dict[str, Any]:
    return flat_record.with_old_names(flat_record.flat(record), "caveats")


def _cell(value: Any) -> Any:
    """A list as its words, counts as ``KIND=2 OTHER=1``; all else as it is."""
    if isinstance(value, dict):
        value = [f"{name}={count}" for name, count in value.items()]
    if isinstance(value, list):
        value = " ".join(value)
    return csv_text(value) if isinstance(value, str) else value


def _print_json(runs: Iterable[Record], samples: bool) -> None:
    """One run a line, so that a long history is never in memory as a whole."""
    before = '{"runs": [\n'
    for record in runs:
        print(before, json.dumps(flat_record.whole(record, samples)), sep="", end="")
        before = ",\n"
    print("\n]}")
