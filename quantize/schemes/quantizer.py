"""Google's quantizer, which writes the graphs of all schemes, fed with ranges of our own."""

import contextlib
import io

import numpy as np

from quantize.graph.graph import Graph
from quantize.ranges.choose_scale import wide_enough
from quantize.ranges.value_range import Range


def by_recipe(graph: Graph, ranges: dict[str, Range], recipe: list, levels: int) -> Graph:
    """``graph`` quantized by a static ``recipe`` whose activations have that many ``levels``."""
    from litert_quantizer import quantizer

    ends = wide_enough(graph, ranges, levels)
    found = {}
    for name, chosen in ranges.items():
        rank = [1] * len(graph.tensor(name).shape)
        found[name] = {
            "min": np.full(rank, chosen.minimum, np.float32),
            "max": np.full(rank, ends[name], np.float32),
        }
    engine = quantizer.Quantizer(bytearray(graph.content), recipe)
    return repacked(silently(lambda: engine.quantize(found)))


def repacked(result) -> Graph:
    """The quantizer's result, packed again: its own packing leaves constants unaligned."""
    return Graph.packed(Graph(bytes(result.quantized_model)).unpacked())


def silently(work):
    """``work()`` without what litert-quantizer prints among a command's results."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()
