"""Runs of minutes: does the last minute still have the pace of the first?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench import chart
from bench.chart import Chart, View
from bench.record import Record

MINUTE_S = 60.0
BINS = 120


@dataclass(frozen=True)
class Pace:
    """Medians of the first and of the last minute of a run of ``minutes``; of a shorter run than
    two minutes those of its two halves."""

    record: Record
    minutes: float
    first_ms: float
    last_ms: float

    @property
    def change(self) -> float:
        """The last over the first, less one: 0.1 is ten per cent slower."""
        return self.last_ms / self.first_ms - 1


def ends_s(record: Record) -> np.ndarray:
    """When each sample ended, in seconds of inferring, float64 [n]."""
    return np.cumsum(np.asarray(record.result.samples_ns, np.float64)) / 1e9


def pace(record: Record) -> Pace | None:
    """None where the record has less than two samples."""
    samples_ms = np.asarray(record.result.samples_ns, np.float64) / 1e6
    if len(samples_ms) < 2:
        return None
    ends = ends_s(record)
    window = min(MINUTE_S, ends[-1] / 2)
    first, last = samples_ms[ends <= window], samples_ms[ends > ends[-1] - window]
    if not len(first):
        return None
    return Pace(record, ends[-1] / 60, float(np.median(first)), float(np.median(last)))


def sustained(records: Sequence[Record]) -> Chart | None:
    """A line a record: the median of each stretch of its time. None without records."""
    traces = [_trace(record) for record in records if pace(record)]
    if not traces:
        return None
    layout = {
        "xaxis": {"title": {"text": "minutes of inferring"}, "rangemode": "tozero"},
        "yaxis": chart.latency_axis(
            [y for trace in traces for y in trace["y"]], "median latency, ms"
        ),
        "showlegend": True,
    }
    return Chart((View("", traces, layout),))


def _trace(record: Record) -> dict:
    ends = ends_s(record)
    samples_ms = np.asarray(record.result.samples_ns, np.float64) / 1e6
    edges = np.linspace(0, ends[-1], min(BINS, max(2, len(ends) // 10)) + 1)
    places = np.clip(np.searchsorted(edges, ends, side="left") - 1, 0, len(edges) - 2)
    filled = np.unique(places)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": chart.label(record),
        "x": chart.rounded((edges[filled] + edges[filled + 1]) / 120),
        "y": chart.rounded(np.median(samples_ms[places == place]) for place in filled),
        "line": {"color": chart.colour(record), "dash": chart.line_dash(record), "width": 1.5},
    }
