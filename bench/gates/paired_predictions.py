"""Answers for the gate of accuracy: files of integers and float32 on the same images."""

from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from bench.engine.evaluation import open_evaluation
from bench.engine.predictions import answers
from bench.engine.session import Bench
from bench.engine.variant import Variant
from bench.gates.accuracy import Comparison
from bench.gates.paired import paired
from bench.history.history import History
from bench.measurement.accuracy import Accuracy
from bench.measurement.record import Record
from models.command_line.errors import RequestError
from quantize.evaluate import output_comparison
from quantize.schemes.scheme import FLOAT32, FLOATS, INT8


@dataclass(frozen=True)
class Judged:
    """Comparisons on images of a data set; ``about`` says which, for a person."""

    comparisons: tuple[Comparison, ...]
    about: str


def pairs(bench: Bench, export_command: str) -> list[tuple[Variant, Variant]]:
    """float32 and each file of integers, int8 first, in every exported format.

    RequestError where float32 or int8 is missing.
    """
    of = {(v.artifact.format, v.artifact.scheme): v for v in bench.variants}
    floats = {scheme.name for scheme in FLOATS}
    found = []
    for form in dict.fromkeys(form for form, _ in of):
        for scheme in (FLOAT32.name, INT8.name):
            if (form, scheme) not in of:
                raise RequestError(
                    f"{bench.exported.folder} has no {scheme}.{form}; nothing to compare; "
                    f"type {export_command} first"
                )
        integers = [v for (f, scheme), v in of.items() if f == form and scheme not in floats]
        found += [(of[form, FLOAT32.name], variant) for variant in integers]
    return found


def judged(
    bench: Bench,
    history: History,
    timed: dict[Variant, Record],
    compared: list[tuple[Variant, Variant]],
) -> Judged:
    """Every file of the pairs on every image; its counts are added to its record in the history.

    RunFailed where one does not run.
    """
    asked, exported = bench.options, bench.exported
    wanted = list(dict.fromkeys(variant for pair in compared for variant in pair))
    said: dict[Variant, np.ndarray] = {}
    with open_evaluation(asked, exported, True, None) as evaluation:
        dataset = evaluation.dataset
        doing = f"integers against float32 on {len(evaluation.indices)} images"
        on_device = [(bench.device, wanted)]
        with closing(answers(on_device, exported, evaluation, asked.threads, doing)) as found:
            for one in found:
                if one.error:
                    raise one.error
                said[one.variant] = output_comparison.predictions(
                    one.outputs, exported.manifest.output_kind
                )
                labels = evaluation.labels(one.indices)
        about = f"{len(labels)} of {len(dataset)} images of {dataset.name}"
        if dataset.skipped:
            about += f" ({len(dataset.skipped)} skipped)"
    comparisons = []
    right = {variant: int(np.sum(classes == labels)) for variant, classes in said.items()}
    agreeing: dict[Variant, int] = {}
    for float32, integers in compared:
        counts = paired(said[float32], said[integers], labels)
        agreeing[integers] = counts.agreeing
        tops = (right[variant] / len(labels) for variant in (float32, integers))
        comparisons.append(
            Comparison(integers.artifact.name, integers.runtime, counts, *tops)
        )  # fmt: skip
    for variant in said:
        accuracy = Accuracy(len(labels), right[variant], agreeing.get(variant))
        history.judge(replace(timed[variant], data=dataset.name, accuracy=accuracy))
    return Judged(tuple(comparisons), about)
