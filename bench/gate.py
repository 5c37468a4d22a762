"""``bench gate``: what integers cost in top-1 against float32, on the same images."""

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
from quantize.scheme import FLOAT32, FLOATS, INT8

RUNTIME_OF = {"tflite": "litert", "onnx": "onnxruntime"}


@dataclass(frozen=True)
class Pair:
    """Two files of one format that are compared, and the runtime both run in.

    ``int8``: the file of int8 or of a further scheme with int8 weights.
    """

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
            "scheme": self.pair.int8.scheme,
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
                f"{row['format']}: {row['scheme']} loses {row['drop_points']:.2f} points of top-1 "
                f"against float32 on {row['images']} images"
                for row in failed
            )
            + f"; gate.toml allows {limits.max_drop_points:g}"
        )


def find_pairs(exported: Exported, command: str) -> list[Pair]:
    """float32 and each file of integers, int8 first, in every exported format.

    RequestError where float32 or int8 is missing.
    """
    found = {(a.format, a.scheme): a for a in exported.manifest.artifacts}
    pairs = []
    for format_name in (name for name in RUNTIME_OF if any(f == name for f, _ in found)):
        for scheme in (FLOAT32.name, INT8.name):
            if (format_name, scheme) not in found:
                raise RequestError(
                    f"{exported.folder} has no {scheme}.{format_name}; nothing to compare; "
                    f"type {command} first"
                )
        float32 = found[format_name, FLOAT32.name]
        floats = {scheme.name for scheme in FLOATS}
        pairs += [
            Pair(format_name, RUNTIME_OF[format_name], float32, artifact)
            for (form, scheme), artifact in found.items()
            if form == format_name and scheme not in floats
        ]
    if not pairs:
        raise RequestError(f"{exported.folder} has no files to compare; type {command} first")
    return pairs


def compare(
    device: Device, exported: Exported, pairs: list[Pair], evaluation: Evaluation, threads: int
) -> list[Comparison]:
    """Every file of the pairs on every image, batch by batch; RunFailed when one does not run."""
    files = {a.name: (a, pair.runtime) for pair in pairs for a in (pair.float32, pair.int8)}
    said = {name: [] for name in files}
    total, indices = len(evaluation.indices), []
    with step(f"integers against float32 on {total} images") as show:
        for batch in evaluation.batches:
            for artifact, runtime in files.values():
                show(f"{artifact.name} in {runtime}, image", len(indices), total)
                answers = predict(device, exported, artifact, runtime, threads, batch)
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
    judged = {}  # float32 is in several pairs
    for found in comparisons:
        runtime = found.pair.runtime
        judged[found.pair.float32.name] = (found.pair.float32, runtime, found.float32)
        judged[found.pair.int8.name] = (found.pair.int8, runtime, found.int8)
    for artifact, runtime, accuracy in judged.values():
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
                result=Result(runtime, images=accuracy.images),
                data=evaluation.dataset.name,
                accuracy=accuracy,
                environment=environment,
                time_utc=time_utc,
            )
        )


def _table(exported: Exported, evaluation: Evaluation, rows: list[dict]) -> str:
    lines = [
        f"{exported.manifest.model_id}: integers against float32 on {rows[0]['images']} of "
        f"{len(evaluation.dataset)} images of {evaluation.dataset.name}"
        + (f" ({len(evaluation.dataset.skipped)} skipped)" if evaluation.dataset.skipped else ""),
        f"{'file':<24}{'runtime':<13}{'float32':>9}{'top-1':>9}{'drop, points':>14}"
        f"{'limit':>7}{'agreement':>11}  ",
    ]
    for row in rows:
        name = f"{row['scheme']}.{row['format']}"
        lines.append(
            f"{name:<24}{row['runtime']:<13}{percent(row['float32_top1']):>9}"
            f"{percent(row['int8_top1']):>9}{row['drop_points']:>14.2f}"
            f"{row['max_drop_points']:>7g}{percent(row['agreement']):>11}"
            f"  {'passed' if row['passed'] else 'FAILED'}"
        )
    return "\n".join(lines)
