"""Inverted residuals with linear bottlenecks (MobileNetV2, arXiv 1801.04381), found in a graph."""

from dataclasses import dataclass

import numpy as np

from quantize.graph.graph_editor import GraphEditor

# Ops of which channel i of the output reads channel i of the inputs alone.
CHANNELWISE = (
    "DEPTHWISE_CONV_2D", "PAD", "HARD_SWISH", "RELU", "RELU6", "LOGISTIC", "ADD", "MUL",
)  # fmt: skip


@dataclass(frozen=True)
class Bottleneck:
    """Operators of one inverted residual: ``filters`` are all between ``expand`` and ``project``,
    in execution order. ``channels``: those of the expanded tensor.
    """

    expand: object
    filters: tuple
    project: object
    channels: int


def bottlenecks(editor: GraphEditor) -> list[Bottleneck]:
    """Those that can be split, in execution order: what expands them is read by nothing else.

    A squeeze-and-excite between needs all channels at once, so such a block is not among them.
    """
    made = (_bottleneck(editor, at) for at in range(len(editor.operators)))
    return [bottleneck for bottleneck in made if bottleneck is not None]


def _bottleneck(editor: GraphEditor, at: int) -> Bottleneck | None:
    expand, project, filters = editor.operators[at], None, []
    if not _is_pointwise(editor, expand):
        return None
    inside = {int(expand.outputs[0])}
    for operator in editor.operators[at + 1 :]:
        read = {int(i) for i in operator.inputs} & inside
        if not read:
            continue
        if project is None and _is_channelwise(editor, operator, inside):
            filters.append(operator)
            inside.add(int(operator.outputs[0]))
        elif project is None and _is_projection(editor, operator, inside):
            project = operator
        else:
            return None
    if project is None or any(editor.is_output(i) for i in inside):
        return None
    expanded, narrow = editor.read(expand, 1).shape, editor.read(project, 1).shape
    is_inverted = expanded[0] > max(expanded[-1], narrow[0]) and expanded[0] == narrow[-1]
    filters_places = any(editor.kind(operator) == "DEPTHWISE_CONV_2D" for operator in filters)
    if not (is_inverted and filters_places):
        return None
    return Bottleneck(expand, tuple(filters), project, expanded[0])


def _is_pointwise(editor: GraphEditor, operator) -> bool:
    """True for a 1x1 convolution of all channels, with a bias."""
    if editor.kind(operator) != "CONV_2D" or len(operator.inputs) != 3 or operator.inputs[2] < 0:
        return False
    if not (editor.reads_constant(operator, 1) and editor.reads_constant(operator, 2)):
        return False
    channels = int(editor.tensor(int(operator.inputs[0])).shape[-1])
    return editor.read(operator, 1).shape[1:] == (1, 1, channels)


def _is_projection(editor: GraphEditor, operator, inside: set[int]) -> bool:
    """Only what no activation bends can be summed up of parts."""
    is_linear = editor.activation(operator) == "NONE"
    return _is_pointwise(editor, operator) and is_linear and int(operator.inputs[0]) in inside


def _is_channelwise(editor: GraphEditor, operator, inside: set[int]) -> bool:
    """True where each channel of the output needs that channel of ``inside`` alone."""
    kind = editor.kind(operator)
    if kind not in CHANNELWISE or getattr(operator.builtinOptions, "depthMultiplier", 1) != 1:
        return False
    channels = int(editor.tensor(int(operator.outputs[0])).shape[-1])
    if channels != int(editor.tensor(next(i for i in inside)).shape[-1]):
        return False  # a PAD of channels
    if any(int(i) not in inside and editor.constant_bytes(int(i)) is None for i in operator.inputs):
        return False
    # A constant beside activations is one number, or one for each channel.
    beside = [int(i) for i in operator.inputs if int(i) not in inside and kind != "PAD"]
    shapes = [[int(n) for n in editor.tensor(i).shape] for i in beside]
    return all(np.prod(shape) == 1 or shape[-1] == channels for shape in shapes)
