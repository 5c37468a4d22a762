"""Operators that int8 cannot compute: of activations that nothing is known of, or too large, and
those that divide by what is computed."""

from collections.abc import Iterator

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.value_range import Range

LIMITS = np.finfo(np.float32)
WIDEST = float(LIMITS.max) / 1e3  # of a range: its steps, and products of steps, are float32
WEIGHT_LIMIT, LEVELS_BETWEEN = 127, 255
# A sum of squares on its way to a divisor, and what changes a reciprocal by constants.
TO_DIVISOR = (
    "ADD", "MAXIMUM", "RESHAPE", "SUM", "MEAN", "SQRT", "ABS", "SQUARE", "SQUARED_DIFFERENCE",
)  # fmt: skip
BY_CONSTANT = ("MUL", "MAXIMUM", "MINIMUM", "RESHAPE")
# Kinds of operator that the quantizer and the runtime are known to take in int8.
WELL_KNOWN = (
    *LINEAR, "ADD", "MUL", "SUB", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD", "RESHAPE",
    "CONCATENATION", "SOFTMAX", "LOGISTIC", "TANH", "RELU", "RELU6", "SQUEEZE", "TRANSPOSE",
    "HARD_SWISH", "QUANTIZE", "DEQUANTIZE",
)  # fmt: skip


def operators(graph: Graph, ranges: dict[str, Range]) -> frozenset[str]:
    """First outputs of the operators that have to stay float: a float activation that they read or
    write has no range, or one that float32 has no steps for, or the steps of a layer's weights and
    input have no product; and those that divide."""
    return _dividing(graph) | frozenset(
        outputs[0]
        for kind, inputs, outputs in graph.operators()
        if outputs
        and (
            any(_lacks_steps(graph, name, ranges) for name in (*inputs, *outputs))
            or (kind in LINEAR and _lacks_product(graph, inputs, ranges))
        )
    )


def _dividing(graph: Graph) -> frozenset[str]:
    """First outputs of divisions by what is computed: of DIV, and of normalization by 1/sqrt(x),
    from the squares to the sum of the products.

    Where a divisor is small its reciprocal is large, and what it multiplies is small: their ratios
    are what matters, and a range of 255 even steps holds those of the largest alone. The products
    of x and of its mean nearly cancel out, so their sum is taken before either is rounded.
    """
    known = list(graph.operators())
    producer = {name: operator for operator in known for name in operator[2]}
    found, reciprocals, products = set(), set(), set()
    for kind, inputs, outputs in known:
        computed = [name for name in inputs if not graph.is_constant(name)]
        if kind == "RSQRT":
            found |= {outputs[0], *_divisor(graph, producer, inputs[0])}
            reciprocals.add(outputs[0])
        elif kind == "DIV" and inputs[1] in computed:
            found |= {outputs[0], *_divisor(graph, producer, inputs[1])}
        elif reciprocals & set(computed):
            found.add(outputs[0])
            is_reciprocal = kind in BY_CONSTANT and len(computed) == 1
            (reciprocals if is_reciprocal else products).add(outputs[0])
        elif kind in ("ADD", "SUB") and products & set(computed):
            found.add(outputs[0])
            if len(computed) == 1:
                products.add(outputs[0])
    return frozenset(found)


def _divisor(graph: Graph, producer: dict, name: str) -> Iterator[str]:
    """First outputs of the operators that make ``name`` of the numbers that are squared, or whose
    sign is dropped."""
    kind, inputs, outputs = producer.get(name, (None, [], []))
    while kind in TO_DIVISOR:
        yield outputs[0]
        computed = [each for each in inputs if not graph.is_constant(each)]
        if kind.startswith(("SQUARE", "ABS")) or len(computed) != 1:
            return
        kind, inputs, outputs = producer.get(computed[0], (None, [], []))


def constant_first(graph: Graph) -> frozenset[str]:
    """Outputs of the matrix products whose first operand is constant: kernels of LiteRT take that
    as int8 with one scale for all, and not at all in int16x8 and dynamic schemes."""
    return frozenset(
        outputs[0]
        for kind, inputs, outputs in graph.operators()
        if kind == "BATCH_MATMUL" and graph.is_constant(inputs[0])
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
