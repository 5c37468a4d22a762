"""Poolings of .onnx files."""

import numpy as np

from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.padding import SPATIAL, Window, around
from models.onnx_files.value import Value

NOT_NEGATIVE = ("Relu", "Relu6", "Sigmoid", "Softmax")  # TensorFlow's operators


def max_pool(tf, node: Node) -> Value:
    """MaxPool. Padding is 0 after an activation that gives nothing below it, and otherwise repeats
    the border: its pixels are in the window already, so the largest value stays, and no -infinity
    gets into the ranges of int8."""
    read, image, window, outputs = _opened(tf, node)
    if node.outputs > 1:
        raise UnsupportedNode("gives the places of the largest values too; expected them unread")
    if any(dilation != 1 for dilation in window.dilations):
        raise UnsupportedNode(f"has dilations {list(window.dilations)}; expected 1")
    after = window.needed(image, outputs)
    tensor, padding = read.tensor, "VALID"
    if window.is_same(image) and outputs == window.outputs(image):
        padding = "SAME"
    elif any(window.before) or max(after) > 0:
        halves = [2 * max(pads) for pads in zip(window.before, after, strict=True)]
        if any(half > size for half, size in zip(halves, window.size, strict=True)):
            raise UnsupportedNode("pads by more than half of its window")
        tensor = tf.pad(tensor, around(window.before, after), _border(tensor))
    made = tf.nn.max_pool2d(tensor, window.size, window.strides, padding)
    return read.like(_cut(made, outputs))


def average_pool(tf, node: Node) -> Value:
    """AveragePool, whose padding counts or not."""
    read, image, window, outputs = _opened(tf, node)
    if any(dilation != 1 for dilation in window.dilations):
        raise UnsupportedNode(f"has dilations {list(window.dilations)}; expected 1")
    counted = bool(node.get("count_include_pad", 0))
    plain = outputs == window.outputs(image)
    if plain and not window.is_padded:
        return read.like(tf.nn.avg_pool2d(read.tensor, window.size, window.strides, "VALID"))
    if plain and not counted and window.is_same(image):
        return read.like(tf.nn.avg_pool2d(read.tensor, window.size, window.strides, "SAME"))
    after = window.needed(image, outputs)
    tensor = tf.pad(read.tensor, around(window.before, after))
    made = tf.nn.avg_pool2d(tensor, window.size, window.strides, "VALID")
    made = _cut(made, outputs)
    share = _counts(window, image, outputs, counted) / np.prod(window.size)
    if (share != 1).any():
        made = made * constant(tf, (1 / share)[None, :, :, None].astype(np.float32))
    return read.like(made)


def _border(tensor) -> str:
    """The way of tf.pad that leaves the largest value of each window what it is."""
    made_by = getattr(getattr(tensor, "op", None), "type", "")
    return "CONSTANT" if made_by in NOT_NEGATIVE else "SYMMETRIC"


def _cut(tensor, outputs):
    """The first so many rows and columns of a tensor [n, h, w, c]."""
    if tuple(tensor.shape[1:3]) == tuple(outputs):
        return tensor
    return tensor[:, : outputs[0], : outputs[1]]


def _opened(tf, node: Node) -> tuple[Value, tuple, Window, tuple]:
    """The input, its height and width, the window, and height and width of the output."""
    size = node.get("kernel_shape")
    if len(size) != SPATIAL:
        raise UnsupportedNode(f"has {len(size)} spatial dimensions; expected 2")
    read = node.value(tf, 0).channels_last(tf)
    image = read.shape[2:]
    window = Window.of(node, size, image)
    return read, image, window, window.outputs(image, bool(node.get("ceil_mode", 0)))


def _counts(window: Window, image, outputs, padded: bool) -> np.ndarray:
    """Pixels [h, w] that each window's mean is over, those of the padding too where ``padded``."""
    sides = []
    for i in range(SPATIAL):
        starts = np.arange(outputs[i]) * window.strides[i] - window.before[i]
        first = -window.before[i] if padded else 0
        last = image[i] + (window.after[i] if padded else 0)
        sides.append(np.minimum(starts + window.size[i], last) - np.maximum(starts, first))
    return np.outer(*sides).astype(np.float64)


def _global(reduce: str):
    def pool(tf, node: Node) -> Value:
        read = node.value(tf, 0)
        places = [read.place(axis) for axis in range(2, read.rank)]
        return read.like(getattr(tf, reduce)(read.tensor, places, keepdims=True))

    return pool


OPERATORS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
}
