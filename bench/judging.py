"""What the files of a bench answer: accuracy row by row, the drift of each from each, and why."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench import drift, table
from bench.accuracy import judge
from bench.bench import Bench
from bench.evaluation import Answers, Evaluation, answers
from bench.explain import explain
from bench.explain.disagreement import disagreeing, explanations
from bench.history.records import Records
from bench.output import Output
from bench.record import Drift, Record
from bench.result import RunError
from models.progress import step


def judged(
    bench: Bench,
    records: Records,
    output: Output,
    rows: list[Record],
    evaluation: Evaluation,
    keras: np.ndarray,
) -> list[Record]:
    """The rows with what they answer, each in the history as soon as it is known.

    ``keras``: Keras's outputs float32 [n, classes] for the images of the evaluation.
    """
    of = dict(zip(bench.variants, rows, strict=True))
    ran = [variant for variant, row in of.items() if not row.result.error]
    if not ran:
        return rows
    output_kind, threads = bench.exported.manifest.output_kind, bench.options.threads
    output.say("", table.header(table.ACCURACY))
    columns, indices = {explain.KERAS: keras}, evaluation.indices
    with step("judging") as show:
        for said in answers(bench.device, bench.exported, ran, evaluation, threads, show):
            row = _with_accuracy(of[said.variant], said, keras, evaluation, output_kind)
            if said.outputs is not None:
                columns[said.variant.column(bench.device.name)] = said.outputs
            of[said.variant], indices = row, said.indices
            records.judge(row)
            output.say(table.accuracy_row(row))
    drifts = drift.matrix(bench.session, columns, output_kind)
    records.add_drift(drifts)
    output.give(drift=[drift.as_dict(one) for one in drifts])
    if bench.timing.drift:
        output.say("", drift.table(drifts))
    if bench.timing.explain:
        _explain(bench, output, evaluation, indices, columns, drifts)
    return list(of.values())


def _with_accuracy(
    row: Record, said: Answers, keras: np.ndarray, evaluation: Evaluation, output_kind: str
) -> Record:
    name = evaluation.dataset.name
    if said.error:
        error = RunError("not_judged", str(said.error))
        return replace(row, data=name, result=replace(row.result, error=error))
    labels = evaluation.labels(said.indices)
    accuracy = judge(said.outputs, labels, keras, output_kind, said.indices, evaluation.dataset)
    return replace(row, data=name, accuracy=accuracy)


def _explain(
    bench: Bench,
    output: Output,
    evaluation: Evaluation,
    indices: np.ndarray,
    columns: Mapping[str, np.ndarray],
    drifts: list[Drift],
) -> None:
    limit = drift.DriftLimit()
    pairs = disagreeing(drifts, limit)
    if not pairs:
        output.say(
            "",
            f"no two agree on fewer than {limit.agreement:.0%} of the images or are below "
            f"{limit.sqnr_db:g} dB: nothing to explain",
        )
    found = explanations(bench, evaluation, indices, columns, pairs)
    for explanation in found:
        output.say("", explain.table(explanation))
    output.give(explanations=[explain.as_dict(explanation) for explanation in found])
