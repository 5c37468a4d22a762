"""``bench gate``: what int8 costs in top-1 against float32, on the same images."""

import json
from dataclasses import dataclass

import numpy as np

from bench.accuracy import Accuracy, judge
from bench.device import Device, open_device
from bench.evaluation import Evaluation, open_evaluation, predict
from bench.exported import Exported, make_export, open_exported
from bench.job import Result
from bench.record import Record, now_utc
from bench.records import Records
from bench.table import percent
from export.artifact import Artifact
from models.errors import CheckFailed, RequestError
from models.options import Options
from models.progress import step
from models.source import resolve
from quantize.limits import Limits, read_limits

RUNTIME_OF = {"tflite": "litert", "onnx": "onnxruntime"}


@dataclass(frozen=True)
class Pair:
    """The two files of one format that are compared, and the runtime both run in."""

    format: str
    runtime: str
    float32: Artifact
    int8: Artifact


@dataclass(frozen=True)
class Comparison:
    """``float32`` and ``int8`` are judged on the same images; int8's agreement is with float32."""

    pair: Pair
    float32: Accuracy
    int8: Accuracy

    @property
    def drop_points(self) -> float:
        """Percentage points of top-1 lost by int8; negative where it does better."""
        return 100 * (self.float32.correct - self.int8.correct) / self.int8.images

    def as_dict(self, limits: Limits) -> dict:
        return {
            "format": self.pair.format,
            "runtime": self.pair.runtime,
            "images": self.int8.images,
            "float32_top1": self.float32.top1,
            "int8_top1": self.int8.top1,
            "drop_points": self.drop_points,
            "agreement": self.int8.agreement,
            "max_drop_points": limits.max_drop_points,
            "passed": self.drop_points <= limits.max_drop_points,
        }


def run_gate(options: Options, command: str, as_json: bool) -> None:
    """Compare, print and record; CheckFailed, naming the format, when a limit is exceeded.

    RequestError when there is nothing to compare, or DATA's answers are not known to the model.
    """
    if options.threads < 1:
        raise RequestError(f"THREADS is {options.threads}; expected at least 1")
    device, limits, model = open_device(options.device), read_limits(), resolve(options)
    exported, records = open_exported(options, model.model_id), Records()
    pairs = find_pairs(exported, make_export(options))
    if not model.labels_known:
        raise RequestError(
            f"the model was not trained for the classes of DATA={options.data} "
            f"(WEIGHTS={options.weights}), so it has no top-1 to compare; "
            "name weights that know them, or the data they were trained for"
        )
    records.check()
    with open_evaluation(options, exported, True, None) as evaluation:
        comparisons = compare(device, exported, pairs, evaluation, options.threads)
        _record(records, command, device, exported, evaluation, comparisons)
    rows = [comparison.as_dict(limits) for comparison in comparisons]
    print(json.dumps({"gates": rows}, indent=2) if as_json else _table(exported, evaluation, rows))
    failed = [row for row in rows if not row["passed"]]
    if failed:
        raise CheckFailed(
            "; ".join(
                f"{row['format']}: int8 loses {row['drop_points']:.2f} points of top-1 against "
                f"float32 on {row['images']} images"
                for row in failed
            )
            + f"; gate.toml allows {limits.max_drop_points:g}"
        )


def find_pairs(exported: Exported, command: str) -> list[Pair]:
    """float32 and int8 of every exported format; RequestError where one of the two is missing."""
    found = {(a.format, a.scheme): a for a in exported.manifest.artifacts}
    pairs = []
    for format_name in (name for name in RUNTIME_OF if any(f == name for f, _ in found)):
        for scheme in ("float32", "int8"):
            if (format_name, scheme) not in found:
                raise RequestError(
                    f"{exported.folder} has no {scheme}.{format_name}; nothing to compare; "
                    f"type {command} first"
                )
        both = (found[format_name, scheme] for scheme in ("float32", "int8"))
        pairs.append(Pair(format_name, RUNTIME_OF[format_name], *both))
    if not pairs:
        raise RequestError(f"{exported.folder} has no files to compare; type {command} first")
    return pairs


def compare(
    device: Device, exported: Exported, pairs: list[Pair], evaluation: Evaluation, threads: int
) -> list[Comparison]:
    """Both files of every pair on every image, batch by batch; RunFailed when one does not run."""
    said = {artifact.name: [] for pair in pairs for artifact in (pair.float32, pair.int8)}
    total, indices = len(evaluation.indices), []
    with step(f"int8 against float32 on {total} images") as show:
        for batch in evaluation.batches:
            for pair in pairs:
                for artifact in (pair.float32, pair.int8):
                    show(f"{artifact.name} in {pair.runtime}, image", len(indices), total)
                    answers = predict(device, exported, artifact, pair.runtime, threads, batch)
                    said[artifact.name].append(answers)
            indices.extend(batch.indices)
    labels = evaluation.labels(np.asarray(indices))
    comparisons = []
    for pair in pairs:
        float32, int8 = (np.concatenate(said[a.name]) for a in (pair.float32, pair.int8))
        comparisons.append(
            Comparison(pair, judge(float32, labels, None), judge(int8, labels, float32))
        )
    return comparisons


def _record(
    records: Records,
    command: str,
    device: Device,
    exported: Exported,
    evaluation: Evaluation,
    comparisons: list[Comparison],
) -> None:
    environment, time_utc = device.environment(), now_utc()
    for comparison in comparisons:
        pair = comparison.pair
        judged = ((pair.float32, comparison.float32), (pair.int8, comparison.int8))
        for artifact, accuracy in judged:
            records.append(
                Record(
                    kind="gate",
                    command=command,
                    device=device.name,
                    model_id=exported.manifest.model_id,
                    artifact=artifact.name,
                    artifact_sha256=artifact.sha256,
                    format=artifact.format,
                    scheme=artifact.scheme,
                    result=Result(pair.runtime, images=accuracy.images),
                    data=evaluation.dataset.name,
                    accuracy=accuracy,
                    environment=environment,
                    time_utc=time_utc,
                )
            )


def _table(exported: Exported, evaluation: Evaluation, rows: list[dict]) -> str:
    lines = [
        f"{exported.manifest.model_id}: int8 against float32 on {rows[0]['images']} of "
        f"{len(evaluation.dataset)} images of {evaluation.dataset.name}"
        + (f" ({len(evaluation.dataset.skipped)} skipped)" if evaluation.dataset.skipped else ""),
        f"{'format':<8}{'runtime':<13}{'float32':>9}{'int8':>9}{'drop, points':>14}"
        f"{'limit':>7}{'agreement':>11}  ",
    ]
    for row in rows:
        lines.append(
            f"{row['format']:<8}{row['runtime']:<13}{percent(row['float32_top1']):>9}"
            f"{percent(row['int8_top1']):>9}{row['drop_points']:>14.2f}"
            f"{row['max_drop_points']:>7g}{percent(row['agreement']):>11}"
            f"  {'passed' if row['passed'] else 'FAILED'}"
        )
    return "\n".join(lines)
