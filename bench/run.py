"""``bench run``: the exported files of one model in every runtime that reads them, timed in turns,
then judged."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from bench import profile, table, timing
from bench.bench import Bench
from bench.device import open_device
from bench.doubts import summed_up
from bench.evaluation import Evaluation, open_evaluation
from bench.exported import open_exported
from bench.history.records import Records
from bench.judging import judged
from bench.output import Output
from bench.record import Record, new_session, now_utc
from bench.remote.governor import governed
from bench.repository import commit
from bench.sustained import run_sustained
from bench.timing import Timing
from bench.turns import in_turns
from bench.variant import variants
from models import options, reference
from models.errors import CheckFailed, DeviceError
from models.options import Options
from models.progress import note, step
from models.source import Source, resolve

DEFAULT_IMAGES = 1000


def add_arguments(parser: ArgumentParser) -> None:
    """Every option of the project, and those of a measurement."""
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, Timing, timing.HELP)
    timing.add_presets(parser)
    parser.add_argument("--json", action="store_true", help="results as JSON on standard output")


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
    output, is_random = Output(as_json), exported.manifest.model.get("weights") == "random"
    judged_on = open_evaluation(asked, exported, model.labels_known, DEFAULT_IMAGES)
    # Whatever is wrong with the images is found ahead of minutes of timing.
    with nullcontext() if is_random or measured.sustained else judged_on as evaluation:
        keras = _keras(model, asked, evaluation)
        notes = list(dict.fromkeys((*exported.manifest.caveats, *_of_the_data(evaluation))))
        output.say(_title(bench, evaluation), *(f"note: {note}" for note in notes))
        output.give(session=bench.session)
        with governed(device.start_program, device.name, measured.governor, note):
            if measured.sustained is not None:
                rows = run_sustained(bench, records, output)
            else:
                rows = _measured(bench, records, output, evaluation, keras)
        skipped = _skipped(evaluation) if evaluation else []
        output.say(*(f"note: {note}" for note in skipped))
        output.give(caveats=[*notes, *skipped])
    output.end()
    _check(rows, measured.strict)


def _of_the_data(evaluation: Evaluation | None) -> tuple[str, ...]:
    return evaluation.dataset.caveats if evaluation else ()


def _keras(model: Source, asked: Options, evaluation: Evaluation | None) -> np.ndarray | None:
    """Keras's outputs float32 [n, classes]; None where nothing is to be judged."""
    if evaluation is None:
        return None
    with step(f"Keras on {len(evaluation.indices)} images"):
        return reference.outputs(model, asked, evaluation.dataset, evaluation.indices)


def _skipped(evaluation: Evaluation) -> list[str]:
    """What is known once every image has been read."""
    found = evaluation.dataset.skipped
    return [f"images skipped: {len(found)}, the first {found[0]}"] if found else []


def _measured(
    bench: Bench,
    records: Records,
    output: Output,
    evaluation: Evaluation | None,
    keras: np.ndarray | None,
) -> list[Record]:
    rows = _timed(bench, records, output)
    if bench.timing.profile:
        rows = _profiled(bench, records, output, rows)
    if evaluation is not None:
        rows = judged(bench, records, output, rows, evaluation, keras)
    base = _base(rows)
    output.give(rows=[table.as_dict(row, base) for row in rows])
    output.say(f"more of each row, flipped images too: bench show ID; IDs {_ids(rows)}")
    failed = sum(1 for row in rows if row.result.error)
    output.say(*([f"note: {failed} of {len(rows)} rows failed"] if failed else ()))
    return rows


def _ids(rows: Sequence[Record]) -> str:
    """Such as "12 to 23"; another bench may have written between them."""
    first, last = rows[0].id, rows[-1].id
    return str(first) if first == last else f"{first} to {last}"


def _title(bench: Bench, evaluation: Evaluation | None) -> str:
    found = bench.environment
    machine = f"{found.board or found.cpu_model}, {found.cores} cores"
    about = (
        f"{bench.exported.manifest.model_id} on {bench.device.name} ({machine}), "
        f"{bench.options.threads} threads; "
    )
    if evaluation is None:
        return about + "timed only"
    known = "" if evaluation.labels_known else ", its right answers not known to this model"
    return (
        f"{about}judged on {len(evaluation.indices)} of {len(evaluation.dataset)} images of "
        f"{evaluation.dataset.name}{known}"
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
    output.say(*table.notes_on_latency(rows, base), *summed_up(rows))
    return rows


def _profiled(bench: Bench, records: Records, output: Output, rows: list[Record]) -> list[Record]:
    """The rows with what each operator takes; a runtime that cannot tell says so."""
    found, given = [], []
    for variant, row in zip(bench.variants, rows, strict=True):
        if row.result.error:
            found.append(row)
            continue
        title = f"{variant.artifact.name} in {variant.runtime}"
        with step(f"{title}: operators"):
            result = bench.device.run(bench.profile_job(variant))
        records.add_profile(row.id, result.profile)
        found.append(replace(row, result=replace(row.result, profile=result.profile)))
        if result.error:
            output.say("", f"{title}: {result.error}")
            given.append({"error": str(result.error)})
            continue
        known = profile.layers(bench.exported.path(variant.artifact))
        output.say("", profile.text(title, result.profile, known))
        given.append({"row": row.id, **profile.as_dict(result.profile, known)})
    output.give(profile=given)
    return found


def _base(rows: Sequence[Record]) -> Record | None:
    """The row that others are compared with: the first float32 file, else the first row."""
    ran = [row for row in rows if row.result.samples_ns]
    return next((row for row in ran if row.scheme == "float32"), ran[0] if ran else None)


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
