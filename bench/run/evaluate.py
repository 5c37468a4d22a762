"""What the files of a bench answer: accuracy row by row, then how far all are apart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np

from bench.console import record_table
from bench.console.output import Output
from bench.devices.device import Device
from bench.devices.open_devices import open_devices
from bench.devices.settings import HOST
from bench.engine.evaluation import Evaluation
from bench.engine.predictions import Answers, answers
from bench.engine.session import Bench
from bench.engine.variant import Variant
from bench.history.history import History
from bench.measurement.accuracy import judge
from bench.measurement.record import Record
from bench.measurement.result import RunError
from bench.run.compare_outputs import Place, Said, compare


def judged(
    benches: Sequence[Bench],
    history: History,
    output: Output,
    rows: Mapping[str, Sequence[Record]],
    evaluation: Evaluation,
    keras: np.ndarray,
) -> dict[str, list[Record]]:
    """The rows of each device by its name with what they answer, each in the history as soon as it
    is known.

    ``keras``: Keras's outputs float32 [n, classes] for the images of the evaluation. This machine
    answers even where it was not asked for; it gets no rows then, and is compared with.
    """
    of = {
        (bench.device.name, variant): row
        for bench in benches
        for variant, row in zip(bench.variants, rows[bench.device.name], strict=True)
    }
    ran = [place for place, row in of.items() if not row.result.error]
    said = Said(of, evaluation.indices)
    if ran:
        with _asked(benches, ran) as asked:
            _judge(benches, history, output, said, asked, evaluation, keras)
        compare(benches, history, output, evaluation, said, keras)
    return {
        bench.device.name: [said.rows[bench.device.name, variant] for variant in bench.variants]
        for bench in benches
    }


@contextmanager
def _asked(
    benches: Sequence[Bench], ran: Sequence[Place]
) -> Iterator[list[tuple[Device, list[Variant]]]]:
    """The devices with what they are to answer; this machine what any other does."""
    found = [
        (bench.device, [variant for name, variant in ran if name == bench.device.name])
        for bench in benches
    ]
    if any(device.name == HOST for device, _ in found):
        yield found
        return
    with open_devices(HOST) as (host,):
        yield [*found, (host, list(dict.fromkeys(variant for _, variant in ran)))]


def _judge(
    benches: Sequence[Bench],
    history: History,
    output: Output,
    said: Said,
    asked: Sequence[tuple[Device, Sequence[Variant]]],
    evaluation: Evaluation,
    keras: np.ndarray,
) -> None:
    exported, threads = benches[0].exported, benches[0].options.threads
    expected = {device.name: len(variants) for device, variants in asked}
    tables = _Tables(output, {b.device.name: expected[b.device.name] for b in benches})
    with closing(answers(asked, exported, evaluation, threads, "judging")) as found:
        for one in found:
            place = one.device, one.variant
            if one.outputs is not None:
                said.outputs[place], said.indices = one.outputs, one.indices
            if row := said.rows.get(place):
                kind = exported.manifest.output_kind
                said.rows[place] = row = _with_accuracy(row, one, keras, evaluation, kind)
                history.judge(row)
                tables.add(one.device, record_table.accuracy_row(row))
            elif one.error:
                reason = one.variant.runtime, str(one.error)
                said.missing.setdefault(reason, []).append(one.variant.artifact.name)


class _Tables:
    """The tables of accuracy: of one device line by line, of several each when it is whole."""

    def __init__(self, output: Output, expected: Mapping[str, int]) -> None:
        self._output, self._expected = output, expected
        self._lines: dict[str, list[str]] = {device: [] for device in expected}
        self._is_alone = len(expected) == 1
        if self._is_alone:
            output.say("", record_table.header(record_table.ACCURACY))

    def add(self, device: str, line: str) -> None:
        if self._is_alone:
            self._output.say(line)
            return
        lines = self._lines[device]
        lines.append(line)
        if len(lines) == self._expected[device]:
            self._output.say("", f"on {device}", record_table.header(record_table.ACCURACY), *lines)


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
