"""``bench report``: the newest measurement of everything, as one HTML file that needs nothing else.

``--markdown`` and ``--json`` print the rows instead.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from bench.console.record_table import markdown
from bench.history.history import History
from bench.measurement import flat_record
from bench.measurement.record import Record
from bench.report.contents import Contents, RowKey
from models.command_line import options, writable
from models.command_line.advice import make_line
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.command_line.progress import step
from models.command_line.storable import encoded

HISTORY_RUNS = 30  # of a row, at most
NAMING = ("arch", "alpha", "res", "classes", "weights", "model", "file", "logits")
OPTIONS = tuple(option.name for option in fields(Options))


def add_arguments(parser: ArgumentParser) -> None:
    """The options of every target; those that name a model or a device select it."""
    parser.add_argument("--json", action="store_true", help="print the rows as JSON instead")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table instead")
    parser.add_argument(
        "--out-file", metavar="PATH", help="the HTML file (default: report.html in results)"
    )
    options.add_table(parser, Options, options.HELP)
    # What was not given selects nothing: the report has all models then, not the default one.
    parser.set_defaults(**dict.fromkeys(OPTIONS))


def run(namespace: Namespace, typed: str) -> None:
    """Write or print the report that the options ask for."""
    every = {name: getattr(namespace, name) for name in OPTIONS}
    given = {name: value for name, value in every.items() if value is not None}
    history = History()
    chosen = newest(history, given)
    if namespace.json:
        print(json.dumps({"rows": [flat_record.as_json(record) for record in chosen]}, indent=2))
    elif namespace.markdown:
        print(markdown(chosen))
    else:
        results = history.path.parent
        target = Path(namespace.out_file) if namespace.out_file else results / "report.html"
        if fault := writable.fault_of(target):
            raise _not_written(target, fault)
        write(history, chosen, target, results)
        print(target)


def newest(history: History, given: Mapping[str, object]) -> list[Record]:
    """The newest record of every row that ``given`` options name: of one model where they name
    one, on the devices that they name likewise. RequestError where there is none."""
    every = history.newest()
    if not every:
        raise RequestError(f"{history.path} has no measurement yet; run {make_line('bench')} first")
    found, asked = every, Options(**given)
    if any(name in given for name in NAMING):
        from bench.measurement.current_files import check_if_there
        from models.source import resolve

        source = resolve(asked)
        check_if_there(asked, source)
        found = _of(found, "model_id", source.model_id, history, asked)
    if "device" not in given:
        return found
    names = [name.strip() for name in str(given["device"]).split(",")]
    return [
        one for name in dict.fromkeys(names) for one in _of(found, "device", name, history, asked)
    ]


def _of(
    found: Sequence[Record], field: str, value: object, history: History, asked: Options
) -> list[Record]:
    known = list(dict.fromkeys(getattr(record, field) for record in found))
    if value not in known:
        raise RequestError(
            f"{history.path} has no measurement of {value}, but of {', '.join(known)}; run "
            f"{make_line('bench', asked)} first, or {make_line('report')} for all of them"
        )
    return [record for record in found if getattr(record, field) == value]


def write(history: History, chosen: Sequence[Record], target: Path, results: Path) -> None:
    """The report of the ``chosen`` records at ``target``, whole or not at all; calibration
    pictures are in ``results``. RequestError where ``target`` cannot be written."""
    from bench.report.page import page

    with step("report") as show:
        show("reading the history")
        contents = collect(history, chosen, results)
        show("drawing")
        html = page(contents)
    try:
        writable.write(target, encoded(html))
    except OSError as error:
        raise _not_written(target, error) from error


def _not_written(target: Path, fault: object) -> RequestError:
    return RequestError(
        f"the report cannot be written to {target} ({fault}); name another --out-file"
    )


def collect(history: History, chosen: Sequence[Record], results: Path) -> Contents:
    """The contents of a report on the ``chosen`` records: what the history has around them."""
    keys = dict.fromkeys(map(RowKey.of, chosen))
    places = list(dict.fromkeys((record.model_id, record.device) for record in chosen))
    histories = {key: [] for key in keys}
    sustained = {}
    for place in places:
        rows = sum((key.model_id, key.device) == place for key in keys)
        for run in history.listing(HISTORY_RUNS * rows, *place, kind="run"):
            if (key := RowKey.of(run)) in histories:
                histories[key].insert(0, run)
        for run in history.listing(None, *place, kind="sustained"):
            sustained.setdefault(RowKey.of(run), run.id)
    # Sessions are named in the order of time. Two devices of two sessions both have columns of this
    # machine: the later ones are shown.
    sessions = sorted({record.session for record in chosen})
    drifts = [drift for session in sessions for drift in history.drifts(session)]
    pictures = {model: _picture(results, model) for model in {one.model_id for one in chosen}}
    return Contents(
        tuple(chosen),
        {key: tuple(line[-HISTORY_RUNS:]) for key, line in histories.items()},
        tuple(drifts),
        tuple(history.get(run_id) for run_id in sustained.values()),
        {model: path.read_text("utf-8") for model, path in pictures.items() if path},
    )


def _picture(results: Path, model_id: str) -> Path | None:
    """The calibration picture of a model; None where there is none, or its name, which a history
    from elsewhere may have, is that of no file in ``results``."""
    path = results / f"{model_id}-calibration.svg"
    try:
        return path if path.parent == results and path.is_file() else None
    except OSError:
        return None
