"""The int8 scale of each tensor: the range that it gets, widened where kernels demand it.

As in the TFLite quantization specification, the scale is (maximum - minimum) / 255 of a range that
is widened to hold 0, and the zero point is where 0 falls. The quantizer computes both of the ranges
that are chosen here; weights get theirs from their own largest value.
"""

from collections.abc import Collection

import numpy as np

from models.command_line.errors import RequestError
from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.bounds import Bounds, bounds
from quantize.ranges.calibration import Activation
from quantize.ranges.observers import OBSERVERS, softmax
from quantize.ranges.value_range import Range

WEIGHT_LIMIT = 127
# Kernels hold a ReLU6's 6 in steps of the output's scale, as an int32. In a layer that is as good
# as dead the step is so small that this overflows, and older runtimes refuse the whole file.
MIN_STEP = 4e-9
# Kernels also refuse an output whose step is 256 times finer than that of the sums they make (in
# XNNPACK the whole file then does not load). Half of that is finer than any image can use.
MAX_SUM_STEP = 128  # in steps of the output


def choose_ranges(
    graph: Graph,
    statistics: dict[str, Activation],
    observer: str = "min-max",
    after_softmax: bool = False,
) -> dict[str, Range]:
    """The range of every activation in ``statistics``, within what its function allows.

    A ReLU6 ends where the data end, never above 6; an h-swish keeps its whole negative tail, whose
    many values near -0.375 an observer of rare ones would cut. With ``after_softmax`` the input of
    a softmax gets the range that ``softmax`` chooses. Raises RequestError for an observer that is
    not there.
    """
    check_observer(observer)
    known, chosen = bounds(graph), {}
    for name, activation in statistics.items():
        in_logits = after_softmax and activation.rows is not None
        observe = softmax if in_logits else OBSERVERS[observer]
        chosen[name] = _within(observe(activation), activation, known.get(name, Bounds()))
    return chosen


def check_observer(observer: str) -> None:
    """RequestError for an observer that is not there."""
    if observer not in OBSERVERS:
        raise RequestError(f"observer is {observer!r}; expected one of: {' '.join(OBSERVERS)}")


def _within(chosen: Range, activation: Activation, known: Bounds) -> Range:
    low = max(chosen.minimum, known.minimum)
    if known.h_swish:
        low = max(float(activation.minima.min()), known.minimum)
    return Range(low, max(low, min(chosen.maximum, known.maximum)))


def wide_enough(
    graph: Graph,
    ranges: dict[str, Range],
    levels: int,
    kept_float: Collection[str] = frozenset(),
) -> dict[str, float]:
    """The upper end of each range, moved up where kernels could not compute with so small a step.

    Operators with first outputs in ``kept_float`` compute with none.

    An activation that was 0 on every image (a squeeze that never opens) says nothing on its scale:
    it gets its input's.
    """
    ends = {
        name: max(chosen.maximum, chosen.minimum + (levels - 1) * MIN_STEP)
        for name, chosen in ranges.items()
    }

    def step(name: str) -> float:
        if name not in ranges:
            constant = graph.constant(name)
            return 0.0 if constant is None else float(np.abs(constant).max()) / WEIGHT_LIMIT
        return (max(ends[name], 0) - min(ranges[name].minimum, 0)) / (levels - 1)

    for kind, inputs, outputs in graph.operators():
        name = outputs[0]
        if name in kept_float:
            continue
        least = 0.0
        if kind in (*LINEAR, "MUL"):
            least = step(inputs[0]) * step(inputs[1]) / MAX_SUM_STEP
        elif kind in ("ADD", "SUB"):
            least = max(step(inputs[0]), step(inputs[1])) / MAX_SUM_STEP
        if ranges.get(name) == Range(0.0, 0.0):
            least = max(least, step(inputs[0]))
        if name in ranges:
            ends[name] = max(ends[name], ranges[name].minimum + (levels - 1) * least)
    return ends
