"""Depthwise convolutions of int8 with as many channels as their kernels take at a time.

ONNX Runtime computes them CHANNELS at a time, on x86 and on ARM, and of any other count all of them
by a slower kernel, which costs half as much again. Channels of zeros make up the number: the layers
ahead make them, and those that read them multiply them by zero, so every answer is what it was.
"""

import copy
from dataclasses import dataclass, field

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor

CHANNELS = 16
LARGEST_GROWTH = 1 / 8  # of the channels: above, the layers around cost more than is saved
DEPTHWISE = "DEPTHWISE_CONV_2D"
DENSE = ("CONV_2D", "FULLY_CONNECTED")
# Each channel of the output comes of the same channel of every input, or of the first alone.
OF_EVERY_INPUT = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")
OF_THE_FIRST = (
    *("RELU", "RELU6", "HARD_SWISH", "LOGISTIC", "TANH", "QUANTIZE", "DEQUANTIZE"),
    *("AVERAGE_POOL_2D", "MAX_POOL_2D", DEPTHWISE),
)


def filled_up(graph: Graph) -> Graph:
    """``graph`` with such channels wherever they have no end but in layers with weights."""
    editor = GraphEditor(graph)
    found = [o for o in editor.of_kind(DEPTHWISE) if editor.has_int8_weights(o)]
    changed = [_fill(editor, operator) for operator in found]
    return editor.graph() if any(changed) else graph


def _fill(editor: GraphEditor, operator) -> bool:
    """Fill up the channels of the depthwise ``operator``; False where that cannot be."""
    channels = int(editor.tensor(int(operator.inputs[0])).shape[-1])
    added = -channels % CHANNELS
    if not 0 < added <= channels * LARGEST_GROWTH:
        return False
    found = _Channels(channels)
    if not _follow(editor, int(operator.inputs[0]), found):
        return False
    for made in found.makers:
        _widen(editor, made, 1, 3 if editor.kind(made) == DEPTHWISE else 0, channels + added)
        if len(made.inputs) > 2 and made.inputs[2] >= 0:
            _widen(editor, made, 2, 0, channels + added)
    for reader in found.readers:
        rank = editor.read(reader, 1).ndim
        _widen(editor, reader, 1, rank - 1, channels + added)
    for index in found.tensors:
        tensor = editor.tensor(index)
        tensor.shape = np.asarray([*tensor.shape[:-1], channels + added], np.int32)
        tensor.shapeSignature = None
    return True


@dataclass(frozen=True)
class _Channels:
    """Channels that run side by side: the tensors that hold them, by index, the layers that make
    them and the layers that read them."""

    count: int
    tensors: list[int] = field(default_factory=list)
    makers: list = field(default_factory=list)
    readers: list = field(default_factory=list)


def _follow(editor: GraphEditor, start: int, found: _Channels) -> bool:
    """Put all that holds the channels of the tensor ``start`` into ``found``; False where something
    else than a layer with weights is at an end of them."""
    left, seen = [start], set()
    while left:
        index = left.pop()
        if index in found.tensors:
            continue
        found.tensors.append(index)
        producer = editor.producer(index)
        if producer is None or editor.is_output(index):
            return False
        for operator in (producer, *editor.consumers(index)):
            makes = operator is producer
            if editor.kind(operator) in DENSE:
                if not _is_end(editor, operator, index, makes, found.count):
                    return False
                ends = found.makers if makes else found.readers
                ends.append(operator)
            elif id(operator) not in seen:
                seen.add(id(operator))
                held = _held(editor, operator, found.count)
                if held is None:
                    return False
                left += held
                if editor.kind(operator) == DEPTHWISE:
                    found.makers.append(operator)
    return True


def _is_end(editor: GraphEditor, operator, index: int, makes: bool, channels: int) -> bool:
    """True where the layer makes or reads them all, each with weights of its own."""
    if index not in (int(operator.inputs[0]), *operator.outputs) or not _is_stored(
        editor, operator
    ):
        return False
    units, *_, length = editor.read(operator, 1).shape
    whole = int(editor.tensor(int(operator.inputs[0])).shape[-1]) == length
    return whole and channels == (units if makes else length)


def _is_stored(editor: GraphEditor, layer) -> bool:
    """True where its weights and its bias are constants."""
    return all(i < 0 or editor.constant_bytes(int(i)) is not None for i in layer.inputs[1:])


def _held(editor: GraphEditor, operator, channels: int) -> list[int] | None:
    """The tensors of ``operator`` with the channels; None where it mixes them or has a constant
    for each."""
    kind = editor.kind(operator)
    if kind in OF_EVERY_INPUT:
        inputs = [int(i) for i in operator.inputs]
    elif kind in OF_THE_FIRST or _is_of_places(editor, operator):
        inputs = [int(operator.inputs[0])]
    else:
        return None
    if kind == DEPTHWISE and not _is_stored(editor, operator):
        return None
    held = []
    for index in (*inputs, *map(int, operator.outputs)):
        shape = editor.tensor(index).shape
        length = 1 if shape is None or not len(shape) else int(shape[-1])
        if length == channels and editor.constant_bytes(index) is None:
            held.append(index)
        elif length != 1:
            return None
    return held


def _is_of_places(editor: GraphEditor, operator) -> bool:
    """True for a mean over height and width, and for zeros around them."""
    kind, rank = editor.kind(operator), len(editor.tensor(int(operator.inputs[0])).shape)
    if kind not in ("MEAN", "PAD") or rank != 4 or not editor.reads_constant(operator, 1):
        return False
    setting = editor.read(operator, 1)
    if kind == "PAD":
        return not setting[-1].any()
    return {int(axis) % rank for axis in setting.reshape(-1)} == {1, 2}


def _widen(editor: GraphEditor, operator, position: int, axis: int, length: int) -> None:
    """Put zeros at the end of the ``axis`` of a constant that ``operator`` reads."""
    value = editor.read(operator, position)
    if value.ndim == 1 and value.size == 1:  # a bias that is the same number everywhere
        value = np.repeat(value, int(editor.tensor(int(operator.outputs[0])).shape[-1]))
    added = [(0, 0)] * value.ndim
    added[axis] = (0, length - value.shape[axis])
    value = np.pad(value, added)
    editor.write(operator, position, value)
    tensor = editor.tensor(int(operator.inputs[position]))
    tensor.shape = np.asarray(value.shape, np.int32)
    found = tensor.quantization
    scales = 0 if found is None or found.scale is None else len(found.scale)
    if scales > 1 and found.quantizedDimension == axis:
        tensor.quantization = found = copy.copy(found)
        found.scale = np.pad(found.scale, (0, length - scales), "edge")
        found.zeroPoint = np.pad(found.zeroPoint, (0, length - scales))
