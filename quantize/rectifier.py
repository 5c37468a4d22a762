"""Integer rectifiers as a mere change of scale, which the delegate has a kernel for.

Where a sum is read by a ReLU and by a shortcut, the ReLU is an operator of its own; XNNPACK takes
it in float alone. Its output cannot hold what it cuts off, and to QUANTIZE the integers anew cuts
that off too: the same integers come out.
"""

import numpy as np

from quantize.bounds import FUSED
from quantize.draft import Draft
from quantize.graph import Graph

LEVELS = np.iinfo(np.int8)


def lower(graph: Graph) -> Graph:
    """The int8 ``graph`` without RELU and RELU6 where the range of the output says the same."""
    if not FUSED.keys() & graph.op_histogram.keys():
        return graph
    draft = Draft(graph)
    for operator in draft.operators:
        if draft.kind(operator) in FUSED and _is_implied(graph, draft, operator):
            draft.become(operator, "QUANTIZE")
    return draft.graph()


def _is_implied(graph: Graph, draft: Draft, operator) -> bool:
    ends = [graph.quantization(draft.name(int(i))) for i in (*operator.inputs, *operator.outputs)]
    if None in ends:
        return False
    scale, zero_point = draft.affine(int(operator.outputs[0]))
    known, slack = FUSED[draft.kind(operator)], scale / 2
    low, high = ((level - zero_point) * scale for level in (LEVELS.min, LEVELS.max))
    return low >= known.minimum - slack and high <= known.maximum + slack
