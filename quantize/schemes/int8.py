"""Full-integer int8: per-channel weights, per-tensor activations, from ranges found beforehand."""

import contextlib
import io
import re
from collections.abc import Collection, Iterator

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.passes import rectifier
from quantize.ranges.ranges import LEVELS, Range

WEIGHT_LIMIT = 127
# Kernels hold a ReLU6's 6 in steps of the output's scale, as an int32. In a layer that is as good
# as dead the step is so small that this overflows, and older runtimes refuse the whole file.
MIN_STEP = 4e-9
# Kernels also refuse an output whose step is 256 times finer than that of the sums they make (in
# XNNPACK the whole file then does not load). Half of that is finer than any image can use.
MAX_SUM_STEP = 128  # in steps of the output


def quantize(
    graph: Graph,
    ranges: dict[str, Range],
    kept_float: Collection[str] = frozenset(),
    per_channel: bool = True,
) -> Graph:
    """``graph`` with int8 weights, activations, input and output; biases are int32.

    Operators whose output tensor is in ``kept_float`` stay float, between a DEQUANTIZE and a
    QUANTIZE. ``per_channel``: whether weights have a scale for each output channel, or one for the
    whole tensor. ``ranges`` has every float activation of the graph. The arithmetic is that of the
    TFLite quantization specification; Google's quantizer writes it, but the ranges are ours (its
    own calibration is a moving average over the images, which cuts off what only some reach).
    """
    from litert_quantizer import qtyping, recipe

    whole = recipe.static_wi8_ai8()
    if not per_channel:
        weights = whole[0]["op_config"]["weight_tensor_config"]
        weights["granularity"] = qtyping.QuantGranularity.TENSORWISE
    steps = [*whole, *_left_float(graph, kept_float)]
    return _named_alike(rectifier.lower(by_recipe(graph, ranges, steps, LEVELS)), graph)


def by_recipe(graph: Graph, ranges: dict[str, Range], recipe: list, levels: int) -> Graph:
    """``graph`` quantized by a static ``recipe`` whose activations have so many levels."""
    from litert_quantizer import quantizer

    ends = _wide_enough(graph, ranges, levels)
    found = {}
    for name, chosen in ranges.items():
        rank = [1] * len(graph.tensor(name).shape)
        found[name] = {
            "min": np.full(rank, chosen.minimum, np.float32),
            "max": np.full(rank, ends[name], np.float32),
        }
    engine = quantizer.Quantizer(bytearray(graph.content), recipe)
    return repacked(silently(lambda: engine.quantize(found)))


def _named_alike(made: Graph, graph: Graph) -> Graph:
    """``made`` with the output called as in ``graph``, also behind an operator left float."""
    name = graph.outputs[0]
    if made.outputs[0] == name:
        return made
    model = made.unpacked()
    for tensor in model.subgraphs[0].tensors:
        if tensor.name.decode() == name:
            tensor.name = f"{name}/float".encode()
    return Graph.packed(model).named(made.inputs[0], name)


def _left_float(graph: Graph, outputs: Collection[str]) -> Iterator[dict]:
    """The steps of a recipe that take out the operators with those output tensors."""
    from litert_quantizer import qtyping

    for kind, _, (name, *_) in graph.operators():
        if name in outputs:
            yield {
                # An operator's scope is its outputs, each with a semicolon. The network's output
                # has the same: to name the operator keeps that one int8.
                "regex": f"^{re.escape(name + ';')}$",
                "operation": qtyping.TFLOperationName[kind],
                "algorithm_key": "no_quantize",
                "op_config": {},
            }


def _wide_enough(graph: Graph, ranges: dict[str, Range], levels: int) -> dict[str, float]:
    """The upper end of each range, moved up where kernels could not compute with so small a step.

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


def halve(graph: Graph) -> Graph:
    """``graph`` with weights and biases stored as float16 and widened when the file is loaded."""
    from litert_quantizer import qtyping, quantizer

    engine = quantizer.Quantizer(bytearray(graph.content))
    engine.update_quantization_recipe(
        ".*",
        qtyping.TFLOperationName.ALL_SUPPORTED,
        qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                num_bits=16, dtype=qtyping.TensorDataType.FLOAT
            ),
            compute_precision=qtyping.ComputePrecision.FLOAT,
        ),
        algorithm_key="float_casting",
    )
    return repacked(silently(engine.quantize))


def repacked(result) -> Graph:
    """What the quantizer made, packed again: its own packing leaves constants unaligned."""
    return Graph.packed(Graph(bytes(result.quantized_model)).unpacked())


def silently(work):
    """``work()`` without what litert-quantizer prints among a command's results."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()
