"""Parts that the charts of the report share: views, colours, escaped names, thinned samples.

A chart is plain JSON as Plotly reads it: ``data`` (a list of traces) and ``layout``. Colours that
depend on light or dark are given by name ("@text", "@muted", "@line", "@page"); the page puts the
real ones in when it draws.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from bench.report.contents import RowKey
from models.command_line.printable import printable

# Of middling lightness, so that one set is legible on white and on black.
SERIES = ("#4c86c6", "#e58a2e", "#4fa362", "#d9595b", "#9a76c4", "#a0785a", "#d97fb5", "#7f8c8d")
COLOUR_OF = {"float32": SERIES[0], "float16": SERIES[2], "int8": SERIES[1]}
SYMBOL_OF = {"float32": "circle", "float16": "square", "int8": "diamond"}
SYMBOL_OF_OTHERS = "triangle-up"
LINE_OF = {"litert": "solid", "tflite-runtime": "dash", "litert-builtin": "dot"}
LOG_FROM_RATIO = 4.0
MOST_DECADES_IN_STEPS = 3.0  # with more there is room for powers of ten alone


@dataclass(frozen=True)
class View:
    """One way to look at a chart; ``label`` is what its button says where there are several."""

    label: str
    data: list[dict]
    layout: dict = field(default_factory=dict)

    def as_dict(self) -> dict:
        return {"label": self.label, "data": self.data, "layout": self.layout}


@dataclass(frozen=True)
class Chart:
    """``height_px`` without legend; ``min_width_px``: narrower screens scroll the chart."""

    views: tuple[View, ...]
    height_px: int = 380
    min_width_px: int = 0

    def as_dict(self) -> dict:
        return {
            "views": [view.as_dict() for view in self.views],
            "height": self.height_px,
            "min_width": self.min_width_px,
        }


def text(name: object) -> str:
    """A name from outside as Plotly shows it letter by letter: it reads some HTML in its texts."""
    return escape(printable(str(name)), quote=False)


def hover(*lines: str) -> str:
    """The text beside the pointer; names in ``lines`` have gone through ``text``."""
    return "<br>".join(lines)


def label(key: RowKey, threads: bool = False, between: str = " ") -> str:
    """The name of a row in a chart; escaped. ``threads``: name their number too."""
    about = text(key.artifact) + between + text(key.runtime)
    return f"{about}, {key.threads} threads" if threads else about


def several_threads(keys: Iterable[RowKey]) -> bool:
    return len({key.threads for key in keys}) > 1


def colour(key: RowKey) -> str:
    """One colour a scheme, the same in every chart."""
    known = COLOUR_OF.get(key.scheme)
    return known or SERIES[3 + sum(key.scheme.encode()) % (len(SERIES) - 3)]


def symbol(key: RowKey) -> str:
    return SYMBOL_OF.get(key.scheme, SYMBOL_OF_OTHERS)


def line_dash(key: RowKey) -> str:
    """One kind of line a runtime."""
    return LINE_OF.get(key.runtime, "dashdot")


def latency_axis(values_ms: Sequence[float], title: str) -> dict:
    """Logarithmic where the values are far apart, so that the fast ones stay apart too."""
    axis = {"title": {"text": title}}
    if not values_ms or max(values_ms) <= LOG_FROM_RATIO * min(values_ms):
        return axis | {"rangemode": "tozero"}
    low, high = np.log10(max(min(values_ms), 1e-9)), np.log10(max(values_ms))
    within = (1, 2, 5) if high - low < MOST_DECADES_IN_STEPS else (1,)
    ticks = [
        step * 10.0**decade
        for decade in range(math.floor(low), math.ceil(high) + 1)
        for step in within
    ]
    return axis | {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def thinned(samples: Sequence[int], most: int) -> np.ndarray:
    """At most ``most`` of the samples, sorted, at even ranks: the smallest, the largest and all
    quantiles stay where they are."""
    ordered = np.sort(np.asarray(samples, np.float64))
    if len(ordered) <= most:
        return ordered
    return ordered[np.rint(np.linspace(0, len(ordered) - 1, most)).astype(int)]


def rounded(values: Iterable[float], digits: int = 5) -> list[float]:
    """To so many significant digits: a page need not carry sixteen."""
    return [float(f"{value:.{digits}g}") for value in values]
