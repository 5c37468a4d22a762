"""Activations of .onnx files."""

import numpy as np

from models.onnx_files.arithmetic import aligned, unary
from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.value import Value

SOFTMAX_OF_ONE_AXIS = 13  # the opset from which it is; before, of all axes from that one on


def clip(tf, node: Node) -> Value:
    """Clip; from 0 to 6 and from 0 up as the activations that converters fuse."""
    low, high = node.setting(1, "min"), node.setting(2, "max")
    value = node.value(tf, 0)
    if low == 0 and high == 6:
        return value.like(tf.nn.relu6(value.tensor))
    if low == 0 and (high is None or high >= np.finfo(np.float32).max):
        return value.like(tf.nn.relu(value.tensor))
    tensor = value.tensor
    if high is not None and np.isfinite(high):
        tensor = tf.minimum(tensor, np.float32(high))
    if low is not None and np.isfinite(low):
        tensor = tf.maximum(tensor, np.float32(low))
    return value.like(tensor)


def leaky_relu(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    return value.like(tf.nn.leaky_relu(value.tensor, node.get("alpha", 0.01)))


def p_relu(tf, node: Node) -> Value:
    """PRelu: the slope, broadcast, for what is below 0."""
    (tensor, slope), order = aligned(tf, node)
    return Value(tf.nn.relu(tensor) - slope * tf.nn.relu(-tensor), order)


def elu(tf, node: Node) -> Value:
    if node.get("alpha", 1.0) != 1:
        raise UnsupportedNode(f"has alpha {node.get('alpha'):g}; expected 1")
    return unary("nn.elu")(tf, node)


def hard_sigmoid(tf, node: Node) -> Value:
    """HardSigmoid: alpha * x + beta, from 0 to 1; as relu6 where it is the usual one."""
    value = node.value(tf, 0)
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    if np.isclose(alpha, 1 / 6) and beta == 0.5:
        return value.like(tf.nn.relu6(value.tensor + 3) * np.float32(1 / 6))
    line = value.tensor * np.float32(alpha) + np.float32(beta)
    return value.like(tf.minimum(tf.nn.relu(line), 1.0))


def hard_swish(tf, node: Node) -> Value:
    """HardSwish, in the form that the converter knows."""
    value = node.value(tf, 0)
    tensor = value.tensor
    return value.like(tensor * tf.nn.relu6(tensor + 3) * np.float32(1 / 6))


def gelu(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    return value.like(tf.nn.gelu(value.tensor, approximate=node.get("approximate") == "tanh"))


def swish(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    scaled = value.tensor * np.float32(node.get("alpha", 1.0))
    return value.like(value.tensor * tf.sigmoid(scaled))


def mish(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    return value.like(value.tensor * tf.tanh(_softplus(tf, value.tensor)))


def softplus(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    return value.like(_softplus(tf, value.tensor))


def _softplus(tf, tensor):
    """log(1 + e^x), by operators that TFLite has and that do not overflow."""
    return tf.nn.relu(tensor) + tf.math.log(1.0 + tf.exp(-tf.abs(tensor)))


def softsign(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    return value.like(value.tensor / (1.0 + tf.abs(value.tensor)))


def selu(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    alpha, gamma = node.get("alpha", 1.67326319), node.get("gamma", 1.05070102)
    negative = tf.exp(tf.minimum(value.tensor, 0.0)) - 1.0
    return value.like(gamma * (tf.nn.relu(value.tensor) + np.float32(alpha) * negative))


def _softmax(name: str):
    def compute(tf, node: Node) -> Value:
        value = node.value(tf, 0)
        operation = getattr(tf.nn, name)
        if node.opset >= SOFTMAX_OF_ONE_AXIS:
            axis = node.get("axis", -1) % value.rank
            order = (*(a for a in value.axes if a != axis), axis)
            return Value(operation(value.ordered(tf, order)), order)
        axis = node.get("axis", 1) % value.rank
        rows = int(np.prod(value.shape[:axis]))
        flat = value.reshaped(tf, (rows, int(np.prod(value.shape[axis:])))).plain(tf)
        return Value.of(operation(flat)).reshaped(tf, value.shape)

    return compute


def thresholded_relu(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    above = tf.cast(value.tensor > constant(tf, np.float32(node.get("alpha", 1.0))), tf.float32)
    return value.like(value.tensor * above)


OPERATORS = {
    "Relu": unary("nn.relu"),
    "Sigmoid": unary("sigmoid"),
    "Tanh": unary("tanh"),
    "Clip": clip,
    "LeakyRelu": leaky_relu,
    "PRelu": p_relu,
    "Elu": elu,
    "Selu": selu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Gelu": gelu,
    "Swish": swish,
    "Mish": mish,
    "Softplus": softplus,
    "Softsign": softsign,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "ThresholdedRelu": thresholded_relu,
}
