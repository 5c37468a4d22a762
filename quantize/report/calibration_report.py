"""The calibration report: the range and the int8 scale of each activation, as a table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.command_line.columns import aligned
from quantize.graph.graph import Graph
from quantize.ranges.bounds import Bounds, bounds
from quantize.ranges.calibration import Activation
from quantize.ranges.histogram import Histogram
from quantize.ranges.value_range import Range

SHARES = ("clipped", "at 6", "tail")
HEADING = ("activation", "shape", "min", "max", *SHARES, "scale", "zero")


@dataclass(frozen=True)
class Row:
    """One activation of the float graph: the operator that makes it, its range, its int8 map.

    Shares are of the values seen, in [0, 1]: ``clipped`` outside the range, ``saturated`` at the
    6 of a ReLU6 (None where there is none). ``negative_levels`` is the share of the 256 levels
    that an h-swish spends on its negative tail (None elsewhere).
    """

    operator: str
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    clipped: float
    saturated: float | None
    negative_levels: float | None
    scale: float
    zero_point: int
    name: str


def rows(
    graph: Graph, int8_graph: Graph, statistics: dict[str, Activation], ranges: dict[str, Range]
) -> Iterator[Row]:
    """A row for each activation, in execution order, the input first."""
    makers = [("INPUT", name) for name in graph.inputs]
    makers += [(kind, outputs[0]) for kind, _, outputs in graph.operators()]
    known = bounds(graph)
    for kind, name in makers:
        found = int8_graph.quantization(name)
        if name not in ranges or found is None:
            continue
        chosen, allowed = ranges[name], known.get(name, Bounds())
        width = chosen.maximum - chosen.minimum
        histogram = statistics[name].histogram
        yield Row(
            operator=kind,
            shape=tuple(int(n) for n in graph.tensor(name).shape),
            minimum=chosen.minimum,
            maximum=chosen.maximum,
            clipped=_share(histogram, chosen.minimum, chosen.maximum),
            saturated=_share(histogram, -np.inf, 6.0) if allowed.maximum == 6 else None,
            negative_levels=-chosen.minimum / width if allowed.h_swish and width else None,
            scale=float(found.scale[0]),
            zero_point=int(found.zero_point[0]),
            name=name.split(";")[0],
        )


def _share(histogram: Histogram, low: float, high: float) -> float:
    """Share of values below ``low``, or at ``high`` and above, as finely as the bins tell."""
    half = histogram.width / 2
    outside = (histogram.centers < low - half) | (histogram.centers > high + half)
    return float(histogram.counts[outside].sum() / histogram.counts.sum())


def text(title: str, found: list[Row]) -> str:
    """The rows as a table a person reads, without shares that no row has."""
    table = [HEADING, *map(_cells, found)]
    shown = [n for n in range(len(HEADING)) if any(cells[n] for cells in table[1:])]
    lines = aligned([[cells[n] for n in shown] for cells in table], range(2, len(shown)))
    return "\n".join([title, "", lines])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name.partition("/")[2] or row.name,  # without the model's own
        "x".join(str(n) for n in row.shape[1:]),
        f"{row.minimum:.4g}",
        f"{row.maximum:.4g}",
        *(_percent(share) for share in (row.clipped, row.saturated, row.negative_levels)),
        f"{row.scale:.4g}",
        str(row.zero_point),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
