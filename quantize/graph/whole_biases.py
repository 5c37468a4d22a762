"""Biases of one number where a layer has several channels.

TensorFlow's converter stores a bias so whose numbers are all the same, e.g. one that it folded a
hard sigmoid's + 3 into. LiteRT's own kernels refuse that, and XNNPACK reads past its end.
"""

import numpy as np

from quantize.graph.graph_editor import GraphEditor

BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "CONV_3D": 2,
        "TRANSPOSE_CONV": 3}  # fmt: skip


def make_biases_whole(editor: GraphEditor) -> bool:
    """Give every bias a number for each channel; False where all are so."""
    is_changed = False
    for operator in editor.operators:
        place = BIAS.get(editor.kind(operator))
        if place is None or len(operator.inputs) <= place:
            continue
        channels = int(editor.tensor(int(operator.outputs[0])).shape[-1])
        if not editor.reads_constant(operator, place):
            continue
        bias = editor.read(operator, place)
        if bias.size == 1 < channels:
            name = editor.name(int(operator.inputs[place]))
            whole = np.full(channels, bias.item(), np.float32)
            inputs = list(operator.inputs)
            inputs[place] = editor.add_constant(f"{name}/whole", whole)
            operator.inputs = np.asarray(inputs, np.int32)
            is_changed = True
    return is_changed
