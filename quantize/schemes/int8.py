"""Full-integer int8: per-channel weights, per-tensor activations, from ranges found beforehand."""

import copy
from collections.abc import Collection, Iterator

from quantize.graph.graph import Graph
from quantize.passes import rectifier
from quantize.ranges.value_range import LEVELS, Range
from quantize.schemes import unfit
from quantize.schemes.kept_biases import keep_biases
from quantize.schemes.quantizer import by_recipe, left_float, scope


def quantize(
    graph: Graph,
    ranges: dict[str, Range],
    kept_float: Collection[str] = frozenset(),
    per_channel: bool = True,
) -> Graph:
    """``graph`` with int8 weights, activations, input and output; biases are int32.

    Operators whose output tensor is in ``kept_float`` stay float, between a DEQUANTIZE and a
    QUANTIZE. So do those that int8 cannot compute (``unfit``), and where the quantizer or the
    runtime refuses what comes out, all but those of the kinds that both are known to take.
    ``per_channel``: whether weights have a scale for each output channel, or one for the whole
    tensor. The arithmetic is that of the TFLite quantization specification; Google's quantizer
    writes it, but the ranges are ours (its own calibration is a moving average over the images,
    which cuts off what only some reach).
    """
    kept = frozenset(kept_float) | unfit.operators(graph, ranges)
    try:
        return _quantized(graph, ranges, kept, per_channel)
    except Exception:  # both raise what they like
        careful = kept | unfit.less_known(graph)
        if careful == kept:
            raise
        return _quantized(graph, ranges, careful, per_channel)


def _quantized(
    graph: Graph, ranges: dict[str, Range], kept_float: Collection[str], per_channel: bool
) -> Graph:
    """As ``quantize``, with exactly those operators float; it is known to load."""
    from litert_quantizer import qtyping, recipe

    whole = recipe.static_wi8_ai8()
    if not per_channel:
        weights = whole[0]["op_config"]["weight_tensor_config"]
        weights["granularity"] = qtyping.QuantGranularity.TENSORWISE
    steps = [*whole, *_with_one_scale(graph, whole[0]), *left_float(graph, kept_float)]
    written = by_recipe(graph, ranges, steps, LEVELS, kept_float)
    made = _named_alike(rectifier.lower(keep_biases(written, graph)), graph)
    made.interpreter(threads=1)
    return made


def _with_one_scale(graph: Graph, step: dict) -> Iterator[dict]:
    """The steps of a recipe for products whose first matrix is constant: the quantizer would give
    its columns a scale each, which no kernel adds up."""
    for output in sorted(unfit.constant_first(graph)):
        made = copy.deepcopy(step)
        made["regex"], made["operation"] = scope([output]), "BATCH_MATMUL"
        made["op_config"]["weight_tensor_config"]["granularity"] = "TENSORWISE"
        yield made


def _named_alike(made: Graph, graph: Graph) -> Graph:
    """``made`` with the outputs called as in ``graph``, also after an operator left float."""
    if made.outputs == graph.outputs:
        return made
    model, ends = made.unpacked(), list(made.subgraph.outputs)
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        if tensor.name.decode() in graph.outputs and index not in ends:
            tensor.name += b"/float"
    return Graph.packed(model).named(made.inputs[0], *graph.outputs)
