"""``bench run``: every artifact of one model in every runtime that reads it, timed and judged."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from bench import table
from bench.accuracy import Accuracy, judge
from bench.device import Device, open_device
from bench.evaluation import Evaluation, open_evaluation, predict
from bench.exported import Exported, open_exported
from bench.job import RUNTIMES, Job, Result, RunError, RunFailed
from bench.plan import DEFAULT
from bench.record import Record, now_utc
from bench.records import Records
from export.artifact import Artifact
from models.errors import DeviceError, RequestError
from models.options import Options
from models.progress import step
from models.source import Source, resolve
from quantize.fidelity import answers

DEFAULT_IMAGES = 1000


@dataclass(frozen=True)
class Bench:
    """All that the rows of one command share. ``reference`` is what Keras answers on the images of
    the evaluation, int64 [n]; neither is there for random weights, whose answers mean nothing."""

    device: Device
    exported: Exported
    evaluation: Evaluation | None
    reference: np.ndarray | None
    threads: int
    command: str


def run_bench(options: Options, command: str, as_json: bool) -> None:
    """Print and record one row for each artifact and runtime, as each is finished.

    A runtime that fails costs its own row only. RequestError for a wrong request; DeviceError when
    no row succeeded.
    """
    if options.threads < 1:
        raise RequestError(f"THREADS is {options.threads}; expected at least 1")
    device, model, records = open_device(options.device), resolve(options), Records()
    exported = open_exported(options, model.model_id)
    records.check()
    random = exported.manifest.model.get("weights") == "random"
    judged = open_evaluation(options, exported, model.labels_known, DEFAULT_IMAGES)
    with nullcontext() if random else judged as evaluation:
        said = _keras_answers(model, options, exported, evaluation)
        bench = Bench(device, exported, evaluation, said, options.threads, command)
        caveats = tuple(dict.fromkeys((*model.caveats, *_caveats(evaluation))))
        if not as_json:
            print(_title(bench), *(f"note: {caveat}" for caveat in caveats), sep="\n")
            print(table.header(), flush=True)
        rows = []
        for record in _measured(bench):
            records.append(record)
            rows.append(record)
            if not as_json:
                print(table.row(record), flush=True)
        _end(rows, caveats, _skipped(evaluation), as_json)


def _keras_answers(
    model: Source, options: Options, exported: Exported, evaluation: Evaluation | None
) -> np.ndarray | None:
    from models import reference

    if evaluation is None:
        return None
    with step(f"Keras on {len(evaluation.indices)} images"):
        outputs = reference.outputs(model, options, evaluation.dataset, evaluation.indices)
    return answers(outputs, exported.manifest.output_kind)


def _caveats(evaluation: Evaluation | None) -> tuple[str, ...]:
    return evaluation.dataset.caveats if evaluation else ()


def _skipped(evaluation: Evaluation | None) -> tuple[str, ...]:
    skipped = evaluation.dataset.skipped if evaluation else ()
    return (f"images skipped: {len(skipped)}, the first {skipped[0]}",) if skipped else ()


def _end(
    rows: list[Record], caveats: tuple[str, ...], skipped: tuple[str, ...], as_json: bool
) -> None:
    """What follows the last row; DeviceError when no row succeeded."""
    failed = sum(1 for record in rows if record.result.error)
    if as_json:
        figures = [table.as_dict(record) for record in rows]
        print(json.dumps({"caveats": (*caveats, *skipped), "rows": figures}, indent=2))
    else:
        for line in (*skipped, *([f"{failed} of {len(rows)} rows failed"] if failed else ())):
            print(f"note: {line}")
    if failed == len(rows):
        raise DeviceError(f"all {len(rows)} rows failed; each row above says why")


def _measured(bench: Bench) -> Iterator[Record]:
    for artifact in bench.exported.manifest.artifacts:
        for runtime in RUNTIMES.get(artifact.format, ()):
            yield measure(bench, artifact, runtime)


def _title(bench: Bench) -> str:
    about = f"{bench.exported.manifest.model_id} on {bench.device.name}, {bench.threads} threads; "
    evaluation = bench.evaluation
    if evaluation is None:
        return about + "timed only"
    known = "" if evaluation.labels_known else ", its right answers not known to this model"
    return (
        f"{about}judged on {len(evaluation.indices)} of {len(evaluation.dataset)} images of "
        f"{evaluation.dataset.name}{known}"
    )


def measure(bench: Bench, artifact: Artifact, runtime: str) -> Record:
    """One row: the timed run, then the answers; an error in either is in the record's result."""
    started, environment = now_utc(), bench.device.environment()
    path = bench.exported.path(artifact)
    accuracy = None
    with step(f"{artifact.name} in {runtime}") as show:
        show("timing")
        result = bench.device.run(Job(path, artifact.format, runtime, bench.threads, DEFAULT))
        if not result.error and bench.evaluation:
            result, accuracy = _judge(bench, artifact, runtime, result, show)
    return Record(
        kind="run",
        command=bench.command,
        device=bench.device.name,
        model_id=bench.exported.manifest.model_id,
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        format=artifact.format,
        scheme=artifact.scheme,
        result=result,
        data=bench.evaluation.dataset.name if accuracy else None,
        accuracy=accuracy,
        environment=environment,
        time_utc=started,
    )


def _judge(
    bench: Bench, artifact: Artifact, runtime: str, result: Result, show
) -> tuple[Result, Accuracy | None]:
    said, indices = [], []
    try:
        for batch in bench.evaluation.batches:
            show("judging, image", len(indices), len(bench.evaluation.indices))
            said.append(
                predict(bench.device, bench.exported, artifact, runtime, bench.threads, batch)
            )
            indices.extend(batch.indices)
    except RunFailed as error:
        return replace(result, error=RunError("not_judged", str(error))), None
    labels = bench.evaluation.labels(np.asarray(indices))
    return result, judge(np.concatenate(said), labels, bench.reference)
