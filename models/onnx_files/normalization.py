"""Normalizations of .onnx files."""

from collections.abc import Sequence

import numpy as np

from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.value import Value


def batch_normalization(tf, node: Node) -> Value:
    """BatchNormalization as one multiplication and one addition, which fold into a convolution."""
    scale, shift, mean, variance = (
        node.array(n + 1, what).astype(np.float64)
        for n, what in enumerate(("scale", "shift", "mean", "variance"))
    )
    if node.get("training_mode", 0):
        raise UnsupportedNode("is in training mode; expected the model exported for inference")
    factor = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    value = node.value(tf, 0)
    return _scaled(tf, value, value.tensor, factor, shift - mean * factor, 1)


def _scaled(tf, value: Value, tensor, factor, shift, axis: int) -> Value:
    """``tensor``, whose axes are those of ``value``, times and plus constants along an axis."""
    shape = [1] * value.rank
    shape[value.place(axis)] = -1
    parts = (np.asarray(part, np.float32).reshape(shape) for part in (factor, shift))
    factor, shift = (constant(tf, part) for part in parts)
    return value.like(tensor * factor + shift)


def _standardized(tf, tensor, places: Sequence[int], epsilon: float):
    """Mean 0 and variance 1 over those axes."""
    mean = tf.reduce_mean(tensor, places, keepdims=True)
    centred = tensor - mean
    variance = tf.reduce_mean(tf.square(centred), places, keepdims=True)
    return centred * tf.math.rsqrt(variance + np.float32(epsilon))


def instance_normalization(tf, node: Node) -> Value:
    """InstanceNormalization: each channel over its own pixels."""
    value = node.value(tf, 0)
    places = [value.place(axis) for axis in range(2, value.rank)]
    tensor = _standardized(tf, value.tensor, places, node.get("epsilon", 1e-5))
    return _scaled(tf, value, tensor, node.array(1, "scale"), node.array(2, "shift"), 1)


def group_normalization(tf, node: Node) -> Value:
    """GroupNormalization: groups of channels, each over its pixels."""
    value, groups = node.value(tf, 0), node.get("num_groups")
    n, channels, *pixels = value.shape
    apart = value.reshaped(tf, (n, groups, channels // groups, *pixels))
    places = [apart.place(axis) for axis in range(2, apart.rank)]
    made = apart.like(_standardized(tf, apart.tensor, places, node.get("epsilon", 1e-5)))
    made = made.reshaped(tf, value.shape)
    factor, shift = node.array(1, "scale"), node.array(2, "shift")
    if len(factor) == groups:  # before opset 21 there is one for each group
        factor, shift = (np.repeat(part, channels // groups) for part in (factor, shift))
    return _scaled(tf, made, made.tensor, factor, shift, 1)


def layer_normalization(tf, node: Node) -> Value:
    """LayerNormalization over the axes from ``axis`` on."""
    value = node.value(tf, 0)
    axes = range(node.get("axis", -1) % value.rank, value.rank)
    places = [value.place(axis) for axis in axes]
    tensor = _standardized(tf, value.tensor, places, node.get("epsilon", 1e-5))
    for position, operation in ((1, tf.multiply), (2, tf.add)):
        if node.has(position):
            array = node.array(position, "scale")
            array = array.reshape((1,) * (value.rank - array.ndim) + array.shape)
            tensor = operation(tensor, constant(tf, array.transpose(value.axes)))
    return value.like(tensor)


def lp_normalization(tf, node: Node) -> Value:
    """LpNormalization: divided by the norm along one axis."""
    if node.get("p", 2) != 2:
        raise UnsupportedNode(f"has p {node.get('p')}; expected 2")
    value = node.value(tf, 0)
    axis = node.get("axis", -1) % value.rank
    order = (*(a for a in value.axes if a != axis), axis)
    return Value(tf.math.l2_normalize(value.ordered(tf, order), -1), order)


def local_response(tf, node: Node) -> Value:
    """LRN: divided by the squares of the channels around."""
    size = node.get("size")
    if size % 2 == 0:
        raise UnsupportedNode(f"has size {size}; expected an odd one")
    value = node.value(tf, 0).channels_last(tf)
    alpha, beta, bias = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    made = tf.nn.local_response_normalization(value.tensor, size // 2, bias, alpha / size, beta)
    return value.like(made)


OPERATORS = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "LpNormalization": lp_normalization,
    "LRN": local_response,
}
