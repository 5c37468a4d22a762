"""Full-integer int8: per-channel weights, per-tensor activations, from ranges found beforehand."""

import re
from collections.abc import Collection, Iterator

from quantize.graph.graph import Graph
from quantize.passes import rectifier
from quantize.ranges.value_range import LEVELS, Range
from quantize.schemes.quantizer import by_recipe


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


def _named_alike(made: Graph, graph: Graph) -> Graph:
    """``made`` with the output called as in ``graph``, also after an operator left float."""
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
