"""Runs of minutes: latency over time, and the last minute against the first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.measurement.minutes import Minute, minutes
from bench.measurement.record import Record
from bench.measurement.result import Result
from bench.report import chart
from bench.report.chart import Chart, View
from bench.report.contents import RowKey

STRETCHES = 120


@dataclass(frozen=True)
class Pace:
    """The first and the last minute of a run."""

    record: Record
    first: Minute
    last: Minute

    @property
    def change(self) -> float:
        """The last over the first, less one: 0.1 is ten per cent slower."""
        return self.last.median_ns / self.first.median_ns - 1


def pace(record: Record) -> Pace | None:
    """None where nothing was timed, or on an emulated device."""
    found = () if record.environment.emulated else minutes(record.result)
    return Pace(record, found[0], found[-1]) if found else None


def sustained(records: Sequence[Record]) -> Chart | None:
    """A line a record: the median of each stretch of its time. None where nothing was timed, on no
    emulated device."""
    timed = [r for r in records if r.result.turns and not r.environment.emulated]
    traces = [_trace(record) for record in timed]
    if not traces:
        return None
    layout = {
        "xaxis": {"title": {"text": "minutes"}, "rangemode": "tozero"},
        "yaxis": chart.latency_axis([y for one in traces for y in one["y"]], "median latency, ms"),
        "showlegend": True,
    }
    return Chart((View("", traces, layout),))


def stretches(result: Result) -> tuple[list[float], list[float]]:
    """The middle of each of up to STRETCHES equal parts of the time, in minutes, and the median of
    the turns that began in it, in milliseconds."""
    starts_s = np.array([turn.start_s for turn in result.turns])
    counts = [turn.samples for turn in result.turns]
    n = min(STRETCHES, len(starts_s))
    width_s = max(starts_s[-1] / n, 1e-9) * (1 + 1e-9)  # the last turn is in the last stretch
    places = np.repeat((starts_s / width_s).astype(int), counts)
    samples_ns = np.asarray(result.samples_ns, np.float64)
    edges = np.searchsorted(places, np.arange(n + 1))  # turns are in the order of time
    filled = [i for i in range(n) if edges[i] < edges[i + 1]]
    return (
        chart.rounded((i + 0.5) * width_s / 60 for i in filled),
        chart.rounded(np.median(samples_ns[edges[i] : edges[i + 1]]) / 1e6 for i in filled),
    )


def _trace(record: Record) -> dict:
    key, (x, y) = RowKey.of(record), stretches(record.result)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": chart.label(key),
        "x": x,
        "y": y,
        "line": {"color": chart.colour(key), "dash": chart.line_dash(key), "width": 1.5},
    }
