"""Predictions for the gate of accuracy: quantized files and float32 on the same images."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from bench.engine.evaluation import Evaluation, open_evaluation
from bench.engine.predictions import Predictions, predict
from bench.engine.session import DeviceRun
from bench.engine.variant import Variant
from bench.gates.accuracy_gate import Comparison
from bench.gates.paired import paired
from bench.gates.verdict import SKIPPED, Verdict
from bench.history.history import History
from bench.measurement.accuracy import Accuracy, evaluate
from bench.measurement.record import Record
from models.command_line.advice import make_line
from models.image_places import evaluation_place
from models.source import resolve
from quantize.evaluate import output_comparison
from quantize.schemes.scheme import FLOAT32, FLOATS, INT8

Pair = tuple[Variant, Variant]  # float32, and a quantized file of the same format


@dataclass(frozen=True)
class PairedAccuracy:
    """Comparisons on images of a data set; ``about`` says which, for a person, and ``notes`` what
    belongs beside them."""

    comparisons: tuple[Comparison, ...]
    about: str
    notes: tuple[str, ...] = ()


def pairs(run: DeviceRun) -> list[Pair]:
    """float32 and each quantized file, int8 first, in every format that has float32.

    Of files that others made: each quantized one with the float32 file of its format, or of
    another, where there is one.
    """
    if run.session.options.file is not None:
        return _pairs_of_given(run.variants)
    of = {(v.artifact.format, v.artifact.scheme): v for v in run.variants}
    floats = {scheme.name for scheme in FLOATS}
    found = []
    for form in dict.fromkeys(form for form, _ in of):
        if (form, FLOAT32.name) not in of:
            continue
        quantized = [v for (f, scheme), v in of.items() if f == form and scheme not in floats]
        found += [(of[form, FLOAT32.name], variant) for variant in quantized]
    return found


def missing(run: DeviceRun) -> list[Verdict]:
    """A skipped verdict on each file without which a format has nothing to compare."""
    of = {(v.artifact.format, v.artifact.scheme) for v in run.variants}
    command = make_line("export", run.session.options)
    return [
        Verdict(
            gate="accuracy",
            file=f"{scheme}.{form}",
            runtime="",
            outcome=SKIPPED,
            detail=f"{run.session.exported.folder} has no such file",
            advice=f"run {command} for all of them",
        )
        for form in dict.fromkeys(form for form, _ in of)
        for scheme in (FLOAT32.name, INT8.name)
        if (form, scheme) not in of
    ]


def _pairs_of_given(variants: Sequence[Variant]) -> list[Pair]:
    floats = {scheme.name for scheme in FLOATS}
    whole = [one for one in variants if one.artifact.scheme == FLOAT32.name]
    found = []
    for variant in variants:
        alike = [one for one in whole if one.artifact.format == variant.artifact.format]
        if variant.artifact.scheme not in floats and whole:
            found.append(((alike or whole)[0], variant))
    return found


def compare_accuracy(
    run: DeviceRun, history: History, timed: dict[Variant, Record], compared: Sequence[Pair]
) -> PairedAccuracy:
    """Every file of the pairs on every image; its accuracy is added to its record in the history,
    with the float32 file as the reference of a quantized one.

    RunFailed where one does not run.
    """
    session = run.session
    wanted = list(dict.fromkeys(variant for pair in compared for variant in pair))
    place = evaluation_place(session.options, resolve(session.options))
    with open_evaluation(session.options, session.exported, place, True, None) as evaluation:
        made = _predictions(run, wanted, evaluation)
        reference = {variant: made[float32] for float32, variant in compared}
        accuracy = {
            variant: _accuracy(run, one, reference.get(variant), evaluation)
            for variant, one in made.items()
        }
        comparisons = tuple(
            _comparison(run, made, accuracy, evaluation, *pair) for pair in compared
        )
        dataset, available, notes = evaluation.dataset, evaluation.available, evaluation.notes
    for variant, found in accuracy.items():
        history.add_accuracy(replace(timed[variant], data=dataset.name, accuracy=found))
    about = f"{comparisons[0].paired.images} of {available} images of {dataset.name}"
    skipped = f" ({len(dataset.skipped)} skipped)" if dataset.skipped else ""
    return PairedAccuracy(comparisons, about + skipped, (*dataset.warnings, *notes))


def _predictions(
    run: DeviceRun, wanted: Sequence[Variant], evaluation: Evaluation
) -> dict[Variant, Predictions]:
    session, made = run.session, {}
    doing = f"quantized files against float32 on {len(evaluation.indices)} images"
    asked, threads = [(run.device, wanted)], session.options.threads
    with closing(predict(asked, session.exported, evaluation, threads, doing)) as found:
        for one in found:
            if one.error:
                raise one.error
            made[one.variant] = one
    return made


def _accuracy(
    run: DeviceRun, made: Predictions, reference: Predictions | None, evaluation: Evaluation
) -> Accuracy:
    kind = run.session.exported.manifest.output_kind
    return evaluate(
        made.outputs,
        evaluation.labels(made.indices),
        None if reference is None else reference.outputs,
        kind,
        made.indices,
        evaluation.dataset,
    )


def _comparison(
    run: DeviceRun,
    made: dict[Variant, Predictions],
    accuracy: dict[Variant, Accuracy],
    evaluation: Evaluation,
    float32: Variant,
    quantized: Variant,
) -> Comparison:
    kind = run.session.exported.manifest.output_kind
    labels: np.ndarray = evaluation.labels(made[quantized].indices)
    classes = [
        output_comparison.predictions(made[variant].outputs, kind)
        for variant in (float32, quantized)
    ]
    return Comparison(
        quantized.artifact.name,
        quantized.runtime,
        paired(*classes, labels),
        float32_top1=accuracy[float32].top1,
        top1=accuracy[quantized].top1,
    )
