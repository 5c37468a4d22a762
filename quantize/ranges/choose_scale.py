"""The int8 scale of each tensor: the range that it gets, widened where kernels demand it.

As in the TFLite quantization specification, the scale is (maximum - minimum) / 255 of a range that
is widened to hold 0, and the zero point is where 0 falls. The quantizer computes both of the ranges
that are chosen here; weights get theirs from their own largest value.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from models.command_line.errors import RequestError
from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.bounds import GATE, Bounds, bounds, gates_of, read_within
from quantize.ranges.calibration import Activation
from quantize.ranges.histogram import Histogram
from quantize.ranges.observers import OBSERVERS, softmax
from quantize.ranges.value_range import LEVELS, Range

WEIGHT_LIMIT = 127
ROUNDING = 1e-4  # of a step: what float32 makes of a multiple of it
TINY = 1e-6
# Kernels hold a ReLU6's 6 in steps of the output's scale, as an int32. In a layer that is as good
# as dead the step is so small that this overflows, and older runtimes refuse the whole file.
MIN_STEP = 4e-9
# Kernels also refuse an output whose step is 256 times finer than that of the sums they make (in
# XNNPACK the whole file then does not load). Half of that is finer than any image can use.
MAX_SUM_STEP = 128  # in steps of the output
# Of all values alike, beside 1 of those weighted by their effect: gradients say little of what cuts
# off much. 0 costs EfficientNet-Lite0 3 dB, 0.03 to 0.1 are alike on all networks that were tried.
UNWEIGHTED_SHARE = 0.1


def choose_ranges(
    graph: Graph,
    statistics: dict[str, Activation],
    observer: str = "min-max",
    after_softmax: bool = False,
) -> dict[str, Range]:
    """The range of every activation in ``statistics``, within what its function allows.

    A ReLU6 ends where the data end, never above 6; an h-swish keeps its whole negative tail, whose
    many values near -0.375 an observer of rare ones would cut. With ``after_softmax`` the input of
    a softmax gets the range that ``softmax`` chooses. What all readers of an activation take for
    the same number, e.g. what h-swish makes 0, is cut off, and ``relu6(x + 3)`` has the steps of x,
    so that it rounds nothing. Raises RequestError for an observer that is not there.
    """
    check_observer(observer)
    known, read, chosen = bounds(graph), read_within(graph), {}
    for name, activation in statistics.items():
        in_logits = after_softmax and activation.rows is not None
        observe = softmax if in_logits else OBSERVERS[observer]
        found = _within(observe(activation), activation, known.get(name, Bounds()))
        chosen[name] = _cut(found, read.get(name, Bounds()))
    return _with_exact_gates(graph, chosen)


def fisher_ranges(
    graph: Graph, statistics: dict[str, Activation], weighted: Mapping[str, Histogram]
) -> dict[str, Range]:
    """The ranges of least squared error, as ``choose_ranges`` has them, each value weighted by the
    effect of its error on the outputs: the histograms ``weighted`` say it, by name. What is not
    among them keeps all its values; what a softmax reads gets the range that ``softmax`` chooses.
    """
    seen = {
        name: replace(
            activation, histogram=activation.histogram.mixed(weighted[name], UNWEIGHTED_SHARE)
        )
        for name, activation in statistics.items()
        if name in weighted and weighted[name].counts.any() and activation.rows is None
    }
    others = {name: a for name, a in statistics.items() if name not in seen}
    kept = choose_ranges(graph, others, after_softmax=True)
    return _with_exact_gates(graph, {**kept, **choose_ranges(graph, seen, "mse")})


def check_observer(observer: str) -> None:
    """RequestError for an observer that is not there."""
    if observer not in OBSERVERS:
        raise RequestError(f"observer is {observer!r}; expected one of: {' '.join(OBSERVERS)}")


def _within(chosen: Range, activation: Activation, known: Bounds) -> Range:
    low = max(chosen.minimum, known.minimum)
    if known.h_swish:
        low = max(float(activation.minima.min()), known.minimum)
    return Range(low, max(low, min(chosen.maximum, known.maximum)))


def _cut(chosen: Range, read: Bounds) -> Range:
    """``chosen`` without what lies beyond ``read``, if it reaches below it; the last steps lie on
    its ends or beyond: a step short of -3 an h-swish is not 0."""
    low, high = max(chosen.minimum, read.minimum), min(chosen.maximum, read.maximum)
    if low <= chosen.minimum or low >= 0 or high <= 0:
        return chosen
    below = math.ceil(-low * (LEVELS - 1) / (high - low))
    above = LEVELS - 1 - below
    step = max(-low / below, high / above)
    return Range(-below * step, above * step)


def _with_exact_gates(graph: Graph, chosen: dict[str, Range]) -> dict[str, Range]:
    """``chosen`` with steps of x of which 3 is a multiple, and the same for ``relu6(x + 3)``, where
    they hold all of it: the sum of integers is then exact."""
    made = dict(chosen)
    for gate, found in gates_of(graph).items():
        name = found.input
        if not found.is_sum or gate not in chosen or name not in chosen:
            continue
        low, high = min(chosen[name].minimum, 0.0), max(chosen[name].maximum, 0.0)
        for steps in range(int(GATE.maximum * (LEVELS - 1) / max(high - low, TINY)), 0, -1):
            step = GATE.maximum / steps
            below = min(math.ceil(-low / step - ROUNDING), LEVELS - 1)
            above = (LEVELS - 1 - below) * step
            if above >= high - ROUNDING * step:
                break
        else:
            continue
        if (LEVELS - 1) * step >= min(GATE.maximum - GATE.minimum, high + GATE.maximum):
            made[name] = Range(-below * step, above)
            made[gate] = Range(0.0, (LEVELS - 1) * step)
    return made


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
