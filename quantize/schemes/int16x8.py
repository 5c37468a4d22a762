"""int16 activations with int8 weights: the integer scheme that rounds activations hardly at all.

Arithmetic of the TFLite quantization specification: symmetric int16 activations (zero point 0),
int8 weights per channel, int64 biases; input and output are int16.
"""

from quantize.graph.graph import Graph
from quantize.ranges.value_range import Range
from quantize.schemes.quantizer import by_recipe

LEVELS = 65535  # -32767 to 32767


def quantize(graph: Graph, ranges: dict[str, Range]) -> Graph:
    """``graph``, its h-swish lowered, with int16 activations, input and output.

    ``ranges`` has every float activation; each is widened to be symmetric around 0.
    """
    from litert_quantizer import recipe

    ends = {name: max(-chosen.minimum, chosen.maximum) for name, chosen in ranges.items()}
    symmetric = {name: Range(-end, end) for name, end in ends.items()}
    return by_recipe(graph, symmetric, recipe.static_wi8_ai16(), LEVELS)
