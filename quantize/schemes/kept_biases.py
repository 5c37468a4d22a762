"""Biases that the quantizer would lose: the weights of their channels get larger steps.

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
from quantize.graph.whole_biases import BIAS
from quantize.passes.layer_pair import OUTPUT_AXIS

MAX_BIAS = 2**30  # in steps of the sums; an int32 holds twice that
MAX_WEIGHT = 127
WEIGHTS = 1  # the place of the weights among the inputs of every layer
INPUT = dict.fromkeys(LINEAR, 0) | {"TRANSPOSE_CONV": 2}
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
    """True for a layer of int8 weights and an int32 bias that are both stored."""
    kind = editor.kind(operator)
    if kind not in INPUT or len(operator.inputs) <= BIAS[kind] or operator.inputs[BIAS[kind]] < 0:
        return False
    stored = [editor.constant(int(operator.inputs[place])) for place in (WEIGHTS, BIAS[kind])]
    return all(
        each is not None and each.dtype == dtype
        for each, dtype in zip(stored, (np.int8, np.int32), strict=True)
    )


def _keep_bias(editor: GraphEditor, operator, floats: GraphEditor, original) -> bool:
    """Write weights and bias of the channels whose bias overflows anew; False where none does."""
    kind = editor.kind(operator)
    place = BIAS[kind]
    weights, bias = floats.read(original, WEIGHTS), floats.read(original, place).astype(np.float64)

    def scale(number: int) -> np.ndarray:
        return editor.tensor(int(operator.inputs[number])).quantization.scale

    step, steps = float(scale(INPUT[kind])[0]), np.asarray(scale(WEIGHTS), np.float64)
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
    kept = editor.read(operator, WEIGHTS)
    editor.write(operator, WEIGHTS, np.where(is_weak.reshape(shape), integers, kept))
    whole = np.rint(bias / sums.astype(np.float64))
    editor.write(operator, place, np.where(is_weak, whole, editor.read(operator, place)))
    for number, found in ((WEIGHTS, steps), (place, sums)):
        tensor = editor.tensor(int(operator.inputs[number]))
        tensor.quantization = copy.copy(tensor.quantization)  # another layer may read the old one
        tensor.quantization.scale = found
    return True
