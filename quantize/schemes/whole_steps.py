"""Larger steps for weights whose channel's bias would be too many of them.

A bias is an int32 of steps that are those of the input times those of the channel's weights. In a
channel of no weights (one that pruning or training has switched off), or behind an activation of
next to nothing, these steps are so small that the quantizer's bias overflows, and the channel loses
it. Its weights add at most 127 * 255 steps, next to nothing of a bias of MAX_BIAS: they get steps
that are as large as its bias needs.
"""

import copy

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.passes.layer import OUTPUT_AXIS

MAX_BIAS = 2**30  # in steps of the sums; an int32 holds twice that
MAX_WEIGHT = 127
# Of each kind the places of its input, weights and bias, and the axis of its output channels.
PLACES = dict.fromkeys(LINEAR, (0, 1, 2)) | {"TRANSPOSE_CONV": (2, 1, 3)}
AXIS = OUTPUT_AXIS | {"TRANSPOSE_CONV": 0}


def keep_biases(made: Graph, graph: Graph) -> Graph:
    """``made``, the int8 form of ``graph``, with every bias of its float layers in it."""
    editor, floats = GraphEditor(made), GraphEditor(graph)
    originals = {floats.name(int(one.outputs[0])): one for one in floats.operators}
    is_changed = False
    for operator in editor.operators:
        original = originals.get(editor.name(int(operator.outputs[0])))
        if original is not None and _is_whole_layer(editor, operator):
            is_changed |= _keep_bias(editor, operator, floats, original)
    return editor.graph() if is_changed else made


def _is_whole_layer(editor: GraphEditor, operator) -> bool:
    places = PLACES.get(editor.kind(operator), ())
    if not places or len(operator.inputs) <= places[2] or operator.inputs[places[2]] < 0:
        return False
    stored = [editor.constant(int(operator.inputs[place])) for place in places[1:]]
    return all(
        each is not None and each.dtype == dtype
        for each, dtype in zip(stored, (np.int8, np.int32), strict=True)
    )


def _keep_bias(editor: GraphEditor, operator, floats: GraphEditor, original) -> bool:
    kind = editor.kind(operator)
    read, weighted, added = PLACES[kind]
    weights = floats.read(original, weighted)
    bias = floats.read(original, added).astype(np.float64)

    def steps_of(place: int):
        return editor.tensor(int(operator.inputs[place])).quantization

    step, steps = float(steps_of(read).scale[0]), np.asarray(steps_of(weighted).scale, np.float64)
    needed = np.abs(bias) / MAX_BIAS / step
    if len(steps) == 1:
        needed = needed.max(keepdims=True)
    is_weak = steps < needed
    if not is_weak.any():
        return False
    steps = np.where(is_weak, needed, steps).astype(np.float32)
    sums = np.float32(step) * steps
    shape = [1] * weights.ndim
    shape[AXIS[kind]] = len(steps)
    integers = np.clip(np.rint(weights / steps.reshape(shape)), -MAX_WEIGHT, MAX_WEIGHT)
    kept = editor.read(operator, weighted)
    editor.write(operator, weighted, np.where(is_weak.reshape(shape), integers, kept))
    whole = np.rint(bias / sums.astype(np.float64))
    editor.write(operator, added, np.where(is_weak, whole, editor.read(operator, added)))
    for place, scale in ((weighted, steps), (added, sums)):
        tensor = editor.tensor(int(operator.inputs[place]))
        tensor.quantization = copy.copy(tensor.quantization)  # another layer may read the old one
        tensor.quantization.scale = scale
    return True
