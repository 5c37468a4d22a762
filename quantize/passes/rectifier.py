"""Integer rectifiers as a mere change of scale, which the delegate has a kernel for.

Where a sum is read by a ReLU and by a shortcut, the ReLU is an operator of its own; XNNPACK takes
it in float alone. An output whose integers begin at zero cannot hold what a ReLU cuts off, so to
QUANTIZE the input anew gives the same integers.
"""

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor

LOWEST = np.iinfo(np.int8).min


def lower(graph: Graph) -> Graph:
    """The int8 ``graph`` without RELU operators, but for float ones and those with room below 0."""
    if "RELU" not in graph.op_histogram:
        return graph
    editor = GraphEditor(graph)
    for operator in editor.of_kind("RELU"):
        into, out = (
            graph.quantization(editor.name(int(i))) for i in (*operator.inputs, *operator.outputs)
        )
        if into and out and int(out.zero_point[0]) == LOWEST:
            editor.become(operator, "QUANTIZE")
    return editor.graph()
