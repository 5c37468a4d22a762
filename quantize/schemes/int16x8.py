"""int16 activations with int8 weights: the integer scheme that rounds activations hardly at all.

Arithmetic of the TFLite quantization specification: symmetric int16 activations (zero point 0),
int8 weights per channel, int64 biases; input and output are int16.
"""

from quantize.graph.graph import Graph
from quantize.ranges.value_range import Range
from quantize.schemes import unfit
from quantize.schemes.quantizer import by_recipe, left_float

LEVELS = 65535  # -32767 to 32767


def quantize(graph: Graph, ranges: dict[str, Range]) -> Graph:
    """``graph``, its h-swish lowered, with int16 activations, input and output.

    ``ranges``, each widened to be symmetric around 0, has every float activation; operators of one
    that it lacks stay float.
    """
    from litert_quantizer import recipe

    ends = {name: max(-chosen.minimum, chosen.maximum) for name, chosen in ranges.items()}
    symmetric = {name: Range(-end, end) for name, end in ends.items()}
    kept_float = unfit.operators(graph, ranges) | unfit.constant_first(graph)
    steps = [*recipe.static_wi8_ai16(), *left_float(graph, kept_float)]
    return by_recipe(graph, symmetric, steps, LEVELS, kept_float)
