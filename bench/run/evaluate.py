"""Accuracy of the files of a session, row by row, then the comparison of all their outputs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np

from bench.console.output import Output
from bench.console.record_table import AccuracyTable
from bench.devices.device import Device
from bench.devices.open_devices import THIS_MACHINE, open_devices
from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.predictions import Predictions, predict
from bench.engine.session import DeviceRun
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement import accuracy
from bench.measurement.record import Record
from bench.measurement.result import RunError
from bench.run.compare_outputs import EvaluatedRows, Place, compare
from export.artifact import Manifest


def evaluate(
    runs: Sequence[DeviceRun],
    history: History,
    output: Output,
    rows: Mapping[str, Sequence[Record]],
    evaluation: Evaluation,
    keras: np.ndarray,
) -> dict[str, list[Record]]:
    """The rows of each device by its name with their accuracy, each in the history as soon as it is
    known.

    ``keras``: Keras's outputs float32 [n, classes] for the images of the evaluation. This machine
    predicts even where it was not asked for: it gets no rows then, and is compared with.
    """
    of = {
        (run.device.name, variant): row
        for run in runs
        for variant, row in zip(run.variants, rows[run.device.name], strict=True)
    }
    ran = [place for place, row in of.items() if not row.result.error]
    evaluated = EvaluatedRows(of, evaluation.indices)
    if ran:
        with _asked(runs, ran) as asked:
            _evaluate(runs, history, output, evaluated, asked, evaluation, keras)
        compare(runs, history, output, evaluation, evaluated, keras)
    return {
        run.device.name: [evaluated.rows[run.device.name, variant] for variant in run.variants]
        for run in runs
    }


@contextmanager
def _asked(
    runs: Sequence[DeviceRun], ran: Sequence[Place]
) -> Iterator[list[tuple[Device, list[Variant]]]]:
    """The devices with the variants they are to run; for this machine those of all others."""
    found = [
        (run.device, [variant for name, variant in ran if name == run.device.name]) for run in runs
    ]
    if any(device.name == HOST for device, _ in found):
        yield found
        return
    with open_devices([THIS_MACHINE]) as (host,):
        yield [*found, (host, list(dict.fromkeys(variant for _, variant in ran)))]


def _evaluate(
    runs: Sequence[DeviceRun],
    history: History,
    output: Output,
    evaluated: EvaluatedRows,
    asked: Sequence[tuple[Device, Sequence[Variant]]],
    evaluation: Evaluation,
    keras: np.ndarray,
) -> None:
    session = runs[0].session
    exported, threads = session.exported, session.options.threads
    expected = {device.name: variants for device, variants in asked}
    tables = _Tables(output, {run.device.name: expected[run.device.name] for run in runs})
    with closing(predict(asked, exported, evaluation, threads, "evaluating")) as found:
        for one in found:
            place = one.device, one.variant
            if one.outputs is not None:
                evaluated.outputs[place], evaluated.indices = one.outputs, one.indices
            if row := evaluated.rows.get(place):
                row = _with_accuracy(row, one, keras, evaluation, exported.manifest)
                evaluated.rows[place] = row
                history.add_accuracy(row)
                tables.add(one.device, row)
            elif one.error:
                reason = one.variant.runtime, str(one.error)
                evaluated.missing.setdefault(reason, []).append(one.variant.artifact.name)


class _Tables:
    """The tables of accuracy: of one device line by line, of several each when it is whole."""

    def __init__(self, output: Output, expected: Mapping[str, Sequence[Variant]]) -> None:
        self._output, self._expected = output, expected
        self._lines: dict[str, list[str]] = {device: [] for device in expected}
        self._tables = {
            device: AccuracyTable(((v.artifact.name, v.runtime) for v in variants), output.wide)
            for device, variants in expected.items()
        }
        self._is_alone = len(expected) == 1
        if self._is_alone:
            (table,) = self._tables.values()
            output.say("", table.heading)

    def add(self, device: str, row: Record) -> None:
        table, lines = self._tables[device], self._lines[device]
        lines.append(table.line(row))
        if self._is_alone:
            self._output.say(lines[-1])
        elif len(lines) == len(self._expected[device]):
            self._output.say("", f"on {device}", table.heading, *lines)


def _with_accuracy(
    row: Record, made: Predictions, keras: np.ndarray, evaluation: Evaluation, manifest: Manifest
) -> Record:
    name = evaluation.dataset.name
    if made.error:
        error = RunError("not_judged", str(made.error))
        return replace(row, data=name, result=replace(row.result, error=error))
    labels = evaluation.labels(made.indices)
    found = accuracy.evaluate(
        made.outputs,
        labels,
        keras,
        manifest.output_kind,
        made.indices,
        evaluation.dataset,
        manifest.outputs,
    )
    return replace(row, data=name, accuracy=found)
