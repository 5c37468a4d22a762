"""The calibration report: which range and which int8 scale each activation gets, and from what."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from quantize.calibration import Range
from quantize.graph import Graph


@dataclass(frozen=True)
class Row:
    """One activation of the float graph: the operator that makes it, its range, its int8 map."""

    operator: str
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    scale: float
    zero_point: int
    name: str


def rows(graph: Graph, int8_graph: Graph, ranges: dict[str, Range]) -> Iterator[Row]:
    """A row for each activation, in execution order, the input first."""
    makers = [("INPUT", name) for name in graph.inputs]
    makers += [(kind, outputs[0]) for kind, _, outputs in graph.operators()]
    for kind, name in makers:
        found = int8_graph.quantization(name)
        if name in ranges and found is not None:
            yield Row(
                kind,
                tuple(int(n) for n in graph.tensor(name).shape),
                ranges[name].minimum,
                ranges[name].maximum,
                float(found.scale[0]),
                int(found.zero_point[0]),
                name.split(";")[0],
            )


def text(title: str, found: list[Row]) -> str:
    """The rows as a table a person reads."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("operator", "shape"):
        table.add_column(heading, no_wrap=True)
    for heading in ("min", "max", "scale", "zero point"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("activation", no_wrap=True, overflow="ellipsis")
    for row in found:
        table.add_row(
            row.operator,
            "x".join(str(n) for n in row.shape[1:]),
            f"{row.minimum:.4g}",
            f"{row.maximum:.4g}",
            f"{row.scale:.6g}",
            str(row.zero_point),
            row.name,
        )
    out = io.StringIO()
    Console(file=out, width=140, color_system=None).print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join([title, "", *lines]) + "\n"
