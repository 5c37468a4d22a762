"""Operators that int8 cannot compute: of activations that nothing is known of, or too large."""

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.value_range import Range

LIMITS = np.finfo(np.float32)
WIDEST = float(LIMITS.max) / 1e3  # of a range: its steps, and products of steps, are float32
WEIGHT_LIMIT, LEVELS_BETWEEN = 127, 255
# Kinds of operator that the quantizer and the runtime are known to take in int8.
WELL_KNOWN = (
    *LINEAR, "ADD", "MUL", "SUB", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD", "RESHAPE",
    "CONCATENATION", "SOFTMAX", "LOGISTIC", "TANH", "RELU", "RELU6", "SQUEEZE", "TRANSPOSE",
    "HARD_SWISH", "QUANTIZE", "DEQUANTIZE",
)  # fmt: skip


def operators(graph: Graph, ranges: dict[str, Range]) -> frozenset[str]:
    """First outputs of the operators that have to stay float: a float activation that they read or
    write has no range, or one that float32 has no steps for, or the steps of a layer's weights and
    input have no product."""
    return frozenset(
        outputs[0]
        for kind, inputs, outputs in graph.operators()
        if outputs
        and (
            any(_lacks_steps(graph, name, ranges) for name in (*inputs, *outputs))
            or (kind in LINEAR and _lacks_product(graph, inputs, ranges))
        )
    )


def less_known(graph: Graph) -> frozenset[str]:
    """First outputs of the operators of other kinds than WELL_KNOWN."""
    found = ((kind, outputs) for kind, _, outputs in graph.operators())
    return frozenset(outputs[0] for kind, outputs in found if outputs and kind not in WELL_KNOWN)


def _lacks_steps(graph: Graph, name: str, ranges: dict[str, Range]) -> bool:
    if graph.dtype(name) != np.float32 or graph.is_constant(name):
        return False
    return name not in ranges or not ranges[name].maximum - ranges[name].minimum <= WIDEST


def _lacks_product(graph: Graph, inputs: list[str], ranges: dict[str, Range]) -> bool:
    """True where a layer's bias, in steps of the input times those of the weights, has none."""
    weights, read = graph.constant(inputs[1]), ranges.get(inputs[0])
    if weights is None or read is None or not weights.size:
        return False
    step = (max(read.maximum, 0.0) - min(read.minimum, 0.0)) / LEVELS_BETWEEN
    product = step * float(np.abs(weights).max()) / WEIGHT_LIMIT
    return product > WIDEST
