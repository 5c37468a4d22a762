"""Grouped convolutions: each group of output channels reads its own share of the input channels.

TFLite has no attribute for it: the kernel [out, height, width, in / groups] is narrower than the
input. Most passes are about single input channels; they work on the kernel that all groups together
are, [out, height, width, in], with zeros where a group does not read.
"""

import numpy as np

from quantize.graph.graph_editor import GraphEditor


def groups(editor: GraphEditor, layer) -> int:
    """Into how many groups a convolution divides its channels; 1 for other kinds of layer."""
    if editor.kind(layer) != "CONV_2D":
        return 1
    read, kernel = (editor.tensor(int(i)).shape for i in layer.inputs[:2])
    return int(read[3]) // int(kernel[3])


def group_of(channels: int, groups: int) -> np.ndarray:
    """The number of the group that each channel is in, int [channels]."""
    return np.arange(channels) // (channels // groups)


def kernel(editor: GraphEditor, layer) -> np.ndarray:
    """The weights of any layer, those of a grouped convolution over all input channels."""
    weights, count = editor.read(layer, 1), groups(editor, layer)
    if count == 1:
        return weights
    out, height, width, part = weights.shape
    made = np.zeros((count, out // count, height, width, count, part), weights.dtype)
    each = np.arange(count)
    made[each, :, :, :, each] = weights.reshape(count, -1, height, width, part)
    return made.reshape(out, height, width, -1)


def set_kernel(editor: GraphEditor, layer, value: np.ndarray) -> None:
    """Store what ``kernel`` gave and somebody changed, zeros between the groups apart."""
    count = groups(editor, layer)
    if count > 1:
        out, height, width, channels = value.shape
        parts = value.reshape(count, -1, height, width, count, channels // count)
        each = np.arange(count)
        value = parts[each, :, :, :, each].reshape(out, height, width, -1)
    editor.write(layer, 1, value)
