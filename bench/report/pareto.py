"""Latency, accuracy and size of every file in one picture, and which of them no other one beats."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measurement.latency import Latency, latency
from bench.measurement.record import Record
from bench.report import chart
from bench.report.chart import Chart, View
from bench.report.contents import RowKey

LARGEST_MARKER_PX, SMALLEST_MARKER_PX = 34, 7


@dataclass(frozen=True)
class Point:
    """The costs and the accuracy of a measured file: milliseconds, top-1 in [0, 1], bytes."""

    record: Record
    warm: Latency
    top1: float

    @property
    def latency_ms(self) -> float:
        return self.warm.median_ns / 1e6

    def beats(self, other: "Point") -> bool:
        """Nowhere worse than ``other``, and somewhere better."""
        costs, other_costs = self._costs(), other._costs()
        return costs != other_costs and all(a <= b for a, b in zip(costs, other_costs, strict=True))

    def _costs(self) -> tuple[float, float, float]:
        return (self.latency_ms, -self.top1, self.record.artifact_bytes)

    @property
    def circumstances(self) -> tuple[str, str | None, int]:
        """Only points that have them in common can be compared."""
        return (self.record.device, self.record.data, self.record.accuracy.images)


def points(records: Sequence[Record]) -> list[Point]:
    """Those of ``records`` that were timed, on no emulated device, whose labels were known,
    and whose size is."""
    found = []
    for record in records:
        warm = latency(record.result.samples_ns, record.result.turns)
        top1 = record.accuracy and record.accuracy.top1
        known = top1 is not None and record.artifact_bytes is not None
        if warm and known and not record.environment.emulated:
            found.append(Point(record, warm, top1))
    return found


def front(found: Sequence[Point]) -> set[int]:
    """Indices of the points that none beats which was measured on the same device and evaluated
    on the same images."""
    return {
        i
        for i, point in enumerate(found)
        if not any(o.circumstances == point.circumstances and o.beats(point) for o in found)
    }


def pareto(records: Sequence[Record]) -> Chart | None:
    """One point a file and runtime, one legend entry a model and device; None without points."""
    found = points(records)
    if not found:
        return None
    best = front(found)
    groups = list(dict.fromkeys((p.record.model_id, p.record.device) for p in found))
    largest = max(p.record.artifact_bytes for p in found)
    traces = []
    for number, group in enumerate(groups):
        members = [
            (point, i in best)
            for i, point in enumerate(found)
            if (point.record.model_id, point.record.device) == group
        ]
        members.sort(key=lambda member: member[1])  # the front is drawn over the others
        name = chart.text(f"{group[0]} on {group[1]}")
        traces.append(_trace(members, name, chart.SERIES[number % len(chart.SERIES)], largest))
    layout = {
        "xaxis": chart.latency_axis([p.latency_ms for p in found], "median latency, ms"),
        "yaxis": {"title": {"text": "top-1, %"}},
        "legend": {"itemsizing": "constant"},
        "showlegend": True,
    }
    return Chart((View("", traces, layout),), height_px=440)


def _trace(members: list[tuple[Point, bool]], name: str, colour: str, largest: int) -> dict:
    shown = [point for point, _ in members]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": chart.rounded(point.latency_ms for point in shown),
        "y": chart.rounded(100 * point.top1 for point in shown),
        "hoverinfo": "text",
        "hovertext": [_hover(point, on_front) for point, on_front in members],
        "marker": {
            "color": colour,
            "symbol": [chart.symbol(RowKey.of(point.record)) for point in shown],
            "size": [point.record.artifact_bytes for point in shown],
            "sizemode": "area",
            "sizeref": 2 * max(largest, 1) / LARGEST_MARKER_PX**2,
            "sizemin": SMALLEST_MARKER_PX,
            "opacity": [0.95 if on_front else 0.45 for _, on_front in members],
            "line": {
                "width": [2.5 if on_front else 0 for _, on_front in members],
                "color": "@text",
            },
        },
    }


def _hover(point: Point, on_front: bool) -> str:
    record, warm = point.record, point.warm
    low, high = warm.interval.low / 1e6, warm.interval.high / 1e6
    lines = [
        f"<b>{chart.text(record.artifact)}</b> in {chart.text(record.result.runtime)}",
        chart.text(f"{record.model_id} on {record.device}, {record.result.threads} threads"),
        f"median {point.latency_ms:.3g} ms ({low:.3g} to {high:.3g}), p90 {warm.p90_ns / 1e6:.3g}",
        f"top-1 {100 * point.top1:.2f} % of {record.accuracy.images} images",
        f"{record.artifact_bytes / 1000:,.0f} KB",
    ]
    if record.warnings:
        lines.append("warnings: " + chart.text(", ".join(c.kind for c in record.warnings)))
    if on_front:
        lines.append("<b>on the front</b>")
    return chart.hover(*lines)
