"""``bench run``: the exported files of one model in every runtime that reads them, timed in turns,
then judged."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import drift, table, timing
from bench.accuracy import judge
from bench.bench import Bench
from bench.device import open_device
from bench.doubts import summed_up
from bench.evaluation import Answers, Evaluation, answers, open_evaluation
from bench.exported import open_exported
from bench.output import Output
from bench.record import Record, new_session, now_utc
from bench.records import Records
from bench.repository import commit
from bench.result import RunError
from bench.sustained import run_sustained
from bench.timing import Timing
from bench.turns import in_turns
from bench.variant import variants
from models import options, reference
from models.errors import CheckFailed, DeviceError
from models.options import Options
from models.progress import step
from models.source import Source, resolve

DEFAULT_IMAGES = 1000
KERAS = "keras"


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of a measurement."""
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, Timing, timing.HELP)


def run(namespace: Namespace, typed: str) -> None:
    """``bench run`` as typed."""
    asked = options.from_namespace(namespace), options.from_namespace(namespace, Timing)
    run_bench(*asked, typed, namespace.json)


def run_bench(asked: Options, measured: Timing, command: str, as_json: bool) -> None:
    """Print and record one row for each file and runtime.

    A runtime that fails costs its own row only. RequestError for a wrong request; DeviceError when
    no row succeeded; CheckFailed where ``measured`` is strict and a measurement has a caveat.
    """
    device, model, records = open_device(asked.device), resolve(asked), Records()
    exported = open_exported(asked, model.model_id)
    chosen = variants(exported, measured)
    records.check()
    bench = Bench(
        device, device.environment(), exported, chosen, asked, measured, command,
        new_session(), commit(),
    )  # fmt: skip
    output = Output(as_json)
    output.say(_title(bench), *(f"note: {caveat}" for caveat in model.caveats))
    output.give(session=bench.session, caveats=list(model.caveats))
    if measured.sustained is not None:
        rows = run_sustained(bench, records, output)
    else:
        rows = _timed(bench, records, output)
        if exported.manifest.model.get("weights") != "random":
            rows = _judged(bench, model, records, output, rows)
        base = _base(rows)
        output.give(rows=[table.as_dict(row, base) for row in rows])
    output.end()
    _check(rows, measured.strict)


def _title(bench: Bench) -> str:
    found = bench.environment
    machine = f"{found.board or found.cpu_model}, {found.cores} cores"
    return (
        f"{bench.exported.manifest.model_id} on {bench.device.name} ({machine}), "
        f"{bench.options.threads} threads"
    )


def _timed(bench: Bench, records: Records, output: Output) -> list[Record]:
    """Every variant in turns, in the history when this returns."""
    started = now_utc()
    with step("timing") as show:
        results = in_turns(bench.device, {v: bench.job(v) for v in bench.variants}, show)
    rows = []
    for variant, result in results.items():
        record = bench.record("run", variant, result, started)
        rows.append(replace(record, id=records.append(record)))
    base = _base(rows)
    output.say("", table.header(table.LATENCY), *(table.latency_row(row, base) for row in rows))
    if base:
        output.say(f"times: the median over that of {base.artifact} in {base.result.runtime}")
    output.say(*summed_up(rows))
    return rows


def _base(rows: Sequence[Record]) -> Record | None:
    """The row that others are compared with: the first float32 file, else the first row."""
    ran = [row for row in rows if row.result.samples_ns]
    return next((row for row in ran if row.scheme == "float32"), ran[0] if ran else None)


def _judged(
    bench: Bench, model: Source, records: Records, output: Output, rows: list[Record]
) -> list[Record]:
    """The rows with what they answer, each in the history as soon as it is known."""
    of = dict(zip(bench.variants, rows, strict=True))
    ran = [variant for variant, row in of.items() if not row.result.error]
    manifest, asked = bench.exported.manifest, bench.options
    with open_evaluation(asked, bench.exported, model.labels_known, DEFAULT_IMAGES) as evaluation:
        with step(f"Keras on {len(evaluation.indices)} images"):
            keras = reference.outputs(model, asked, evaluation.dataset, evaluation.indices)
        output.say("", _judged_on(evaluation), table.header(table.ACCURACY))
        columns = {KERAS: keras}
        with step("judging") as show:
            found = answers(bench.device, bench.exported, ran, evaluation, asked.threads, show)
            for said in found:
                row = _with_accuracy(of[said.variant], said, keras, evaluation, manifest)
                if said.outputs is not None:
                    columns[said.variant.column(bench.device.name)] = said.outputs
                records.judge(row)
                of[said.variant] = row
                output.say(table.accuracy_row(row))
        drifts = drift.matrix(bench.session, columns, manifest.output_kind)
        records.add_drift(drifts)
        output.give(drift=[drift.as_dict(one) for one in drifts])
        if bench.timing.drift:
            output.say("", drift.table(drifts))
        notes = [*evaluation.dataset.caveats, *_skipped(evaluation)]
        output.say(*(f"note: {note}" for note in notes if note not in model.caveats))
        output.give(caveats=list(dict.fromkeys((*model.caveats, *notes))))
    return list(of.values())


def _with_accuracy(
    row: Record, said: Answers, keras: np.ndarray, evaluation: Evaluation, manifest
) -> Record:
    name = evaluation.dataset.name
    if said.error:
        error = RunError("not_judged", str(said.error))
        return replace(row, data=name, result=replace(row.result, error=error))
    accuracy = judge(
        said.outputs, evaluation.labels(said.indices), keras, manifest.output_kind, said.indices,
        evaluation.dataset,
    )  # fmt: skip
    return replace(row, data=name, accuracy=accuracy)


def _judged_on(evaluation: Evaluation) -> str:
    known = "" if evaluation.labels_known else ", its right answers not known to this model"
    return (
        f"judged on {len(evaluation.indices)} of {len(evaluation.dataset)} images of "
        f"{evaluation.dataset.name}{known}"
    )


def _skipped(evaluation: Evaluation) -> tuple[str, ...]:
    skipped = evaluation.dataset.skipped
    return (f"images skipped: {len(skipped)}, the first {skipped[0]}",) if skipped else ()


def _check(rows: Sequence[Record], strict: bool) -> None:
    failed = [row for row in rows if row.result.error]
    if len(failed) == len(rows):
        raise DeviceError(f"all {len(rows)} rows failed; each row above says why")
    doubtful = sorted({caveat.kind for row in rows for caveat in row.caveats})
    if strict and doubtful:
        raise CheckFailed(
            f"measurements have caveats ({', '.join(doubtful)}); they are kept; "
            "follow the advice above, or leave STRICT out"
        )
