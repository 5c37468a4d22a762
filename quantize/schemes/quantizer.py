"""Google's quantizer, which writes the graphs of all schemes, fed with ranges of our own."""

import contextlib
import io
import re
from collections.abc import Collection, Iterator

import numpy as np

from quantize.graph.graph import Graph
from quantize.ranges.choose_scale import wide_enough
from quantize.ranges.value_range import Range

OTHER_NAMES = {"TRANSPOSE_CONV": "CONV_2D_TRANSPOSE"}  # of kinds, by the quantizer


def by_recipe(
    graph: Graph,
    ranges: dict[str, Range],
    recipe: list,
    levels: int,
    kept_float: Collection[str] = frozenset(),
) -> Graph:
    """``graph`` quantized by a static ``recipe`` whose activations have that many ``levels``.

    ``kept_float``: first outputs of the operators that the recipe leaves float.
    """
    from litert_quantizer import quantizer

    ends = wide_enough(graph, ranges, levels, kept_float)
    found = {}
    for name, chosen in ranges.items():
        rank = [1] * len(graph.tensor(name).shape)
        found[name] = {
            "min": np.full(rank, chosen.minimum, np.float32),
            "max": np.full(rank, ends[name], np.float32),
        }
    engine = quantizer.Quantizer(bytearray(_unique_names(graph).content), recipe)
    return repacked(silently(lambda: engine.quantize(found)))


def _unique_names(graph: Graph) -> Graph:
    """``graph`` with a name of its own for each tensor in the bodies of loops, which the quantizer
    demands and the converter does not give."""
    if len(graph.model.subgraphs) == 1:
        return graph
    model = graph.unpacked()
    for number, body in enumerate(model.subgraphs[1:], 1):
        for place, tensor in enumerate(body.tensors):
            tensor.name = f"body{number}/{place}/".encode() + tensor.name
    return Graph.packed(model)


def left_float(graph: Graph, first_outputs: Collection[str]) -> Iterator[dict]:
    """The steps of a recipe that take out the operators with those first outputs, and all that the
    bodies of loops have: nothing is known of the ranges in there."""
    for kind, _, outputs in graph.operators():
        if outputs and outputs[0] in first_outputs:
            yield from _left_out(kind, outputs)
    for kind, outputs in _unique_names(graph).body_operators():
        yield from _left_out(kind, outputs)


def _left_out(kind: str, outputs: list[str]) -> Iterator[dict]:
    from litert_quantizer import qtyping

    kind = OTHER_NAMES.get(kind, kind)
    if kind in qtyping.TFLOperationName.__members__:  # others are never quantized
        yield {
            "regex": scope(outputs),
            "operation": qtyping.TFLOperationName[kind],
            "algorithm_key": "no_quantize",
            "op_config": {},
        }


def scope(outputs: list[str]) -> str:
    """The pattern of the one operator with those outputs.

    An operator's scope is its outputs, each with a semicolon. The network's output has the same: to
    name the operator's kind beside it keeps that one int8.
    """
    names = "".join(f"{name};" for name in outputs)
    return f"^{re.escape(names)}$"


def repacked(result) -> Graph:
    """The quantizer's result, packed again: its own packing leaves constants unaligned."""
    return Graph.packed(Graph(bytes(result.quantized_model)).unpacked())


def silently(work):
    """``work()`` without what litert-quantizer prints among a command's results."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()
