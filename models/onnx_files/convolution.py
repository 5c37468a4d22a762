"""Convolutions and matrix products of .onnx files."""

import numpy as np

from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.padding import SPATIAL, Window, around
from models.onnx_files.value import Value


def conv(tf, node: Node) -> Value:
    """Conv: kernel [out, in / groups, h, w]."""
    kernel = node.array(1, "kernel")
    if kernel.ndim == SPATIAL + 1:
        return _one_dimensional(tf, node, kernel)
    if kernel.ndim != SPATIAL + 2:
        raise UnsupportedNode(f"has {kernel.ndim - 2} spatial dimensions; expected 1 or 2")
    read = node.value(tf, 0).channels_last(tf)
    image, channels = read.shape[2:], read.shape[1]
    window = Window.of(node, kernel.shape[2:], image)
    tensor, padding = _padded(tf, read.tensor, window, image)
    groups = node.get("group", 1)
    if groups == channels and kernel.shape[1] == 1 and groups > 1:
        made = _depthwise(tf, tensor, kernel, channels, window, padding)
    else:
        weights = constant(tf, kernel.transpose(2, 3, 1, 0))
        made = tf.nn.conv2d(tensor, weights, window.strides, padding, dilations=window.dilations)
    return read.like(_biased(tf, node, made))


def _one_dimensional(tf, node: Node, kernel: np.ndarray) -> Value:
    """A convolution over [n, c, w] as one of height 1."""
    read = node.value(tf, 0)
    attributes = dict(node.attributes)
    for name, neutral in (("strides", 1), ("dilations", 1)):
        attributes[name] = [neutral, *node.get(name, [neutral])]
    before, after = node.get("pads", [0, 0])
    attributes["pads"] = [0, before, 0, after]
    n, c, w = read.shape
    image = read.reshaped(tf, (n, c, 1, w))
    wide = Node(
        node.kind,
        attributes,
        (image, kernel[:, :, None], *node.inputs[2:]),
        node.outputs,
        node.opset,
    )
    made = conv(tf, wide)
    n, c, _, w = made.shape
    return made.reshaped(tf, (n, c, w))


def _padded(tf, tensor, window: Window, image):
    """The tensor, padded with zeros where TensorFlow's SAME does not do it, and the padding."""
    if not window.is_padded:
        return tensor, "VALID"
    if window.is_same(image):
        return tensor, "SAME"
    after = window.needed(image, window.outputs(image))
    if not any(window.before) and max(after) <= 0:
        return tensor, "VALID"
    return tf.pad(tensor, around(window.before, after)), "VALID"


def _depthwise(tf, tensor, kernel: np.ndarray, channels: int, window: Window, padding: str):
    """Output channel c * multiplier + m reads input channel c."""
    multiplier = kernel.shape[0] // channels
    weights = kernel.reshape(channels, multiplier, *kernel.shape[2:]).transpose(2, 3, 0, 1)
    return tf.nn.depthwise_conv2d(
        tensor,
        constant(tf, weights),
        (1, *window.strides, 1),
        padding,
        dilations=window.dilations,
    )


def _biased(tf, node: Node, made):
    if not node.has(2):
        return made
    return tf.nn.bias_add(made, constant(tf, node.array(2, "bias")))


def conv_transpose(tf, node: Node) -> Value:
    """ConvTranspose: kernel [in, out / groups, h, w]; the padding is cut off what is made."""
    kernel = node.array(1, "kernel")
    if kernel.ndim != SPATIAL + 2:
        raise UnsupportedNode(f"has {kernel.ndim - 2} spatial dimensions; expected 2")
    read = node.value(tf, 0).channels_last(tf)
    image, groups = read.shape[2:], node.get("group", 1)
    strides = tuple(node.get("strides", [1, 1]))
    before, after = _cut(node, kernel, image, strides)
    made = [
        _one_transpose(tf, part, weights, image, strides, before, after)
        for part, weights in zip(
            tf.split(read.tensor, groups, -1), np.split(_dilated(node, kernel), groups), strict=True
        )
    ]
    whole = made[0] if groups == 1 else tf.concat(made, -1)
    return read.like(_biased(tf, node, whole))


def _dilated(node: Node, kernel: np.ndarray) -> np.ndarray:
    """The kernel with zeros between its weights, as its dilations say."""
    dilations = node.get("dilations", [1, 1])
    sizes = [(size - 1) * d + 1 for size, d in zip(kernel.shape[2:], dilations, strict=True)]
    made = np.zeros((*kernel.shape[:2], *sizes), kernel.dtype)
    made[:, :, :: dilations[0], :: dilations[1]] = kernel
    return made


def _cut(node: Node, kernel: np.ndarray, image, strides) -> tuple[list[int], list[int]]:
    """Pixels cut off before and after of what is made without padding; negative: zeros added."""
    sizes = _dilated(node, kernel[:1, :1]).shape[2:]
    whole = [(n - 1) * s + k for n, s, k in zip(image, strides, sizes, strict=True)]
    extra = node.get("output_padding", [0, 0])
    wanted = node.get("output_shape")
    kind = node.get("auto_pad", "NOTSET")
    if kind.startswith("SAME") and wanted is None:
        wanted = [n * s for n, s in zip(image, strides, strict=True)]
    if wanted is None:
        pads = node.get("pads", [0, 0, 0, 0])
        return list(pads[:2]), [p - e for p, e in zip(pads[2:], extra, strict=True)]
    total = [w - o for w, o in zip(whole, wanted[-2:], strict=True)]
    small, large = [t // 2 for t in total], [t - t // 2 for t in total]
    return (large, small) if kind == "SAME_LOWER" else (small, large)


def _one_transpose(tf, tensor, kernel: np.ndarray, image, strides, before, after):
    """One group of a transposed convolution, [n, h, w, c]."""
    out, size = kernel.shape[1], kernel.shape[2:]
    weights = constant(tf, kernel.transpose(2, 3, 1, 0))
    total = [max(k - s, 0) for k, s in zip(size, strides, strict=True)]
    half = [t // 2 for t in total]
    if (before, after) == (half, [t - h for t, h in zip(total, half, strict=True)]):
        shape = [n * s for n, s in zip(image, strides, strict=True)]
        if all(k >= s for k, s in zip(size, strides, strict=True)):
            return tf.nn.conv2d_transpose(tensor, weights, (1, *shape, out), strides, "SAME")
    shape = [(n - 1) * s + k for n, s, k in zip(image, strides, size, strict=True)]
    made = tf.nn.conv2d_transpose(tensor, weights, (1, *shape, out), strides, "VALID")
    if min(after) < 0:
        made = tf.pad(made, around([0, 0], [-a for a in after]))
    ends = [n - max(a, 0) for n, a in zip(made.shape[1:3], after, strict=True)]
    if not any(before) and max(after) <= 0:
        return made
    return made[:, before[0] : ends[0], before[1] : ends[1]]


def gemm(tf, node: Node) -> Value:
    """Gemm: alpha * A * B + beta * C."""
    left, right = node.value(tf, 0).plain(tf), node.value(tf, 1).plain(tf)
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if not isinstance(node.inputs[1], Value):  # the factor costs nothing in a constant
        array = node.inputs[1].T if node.get("transB", 0) else node.inputs[1]
        right, alpha = constant(tf, (array * np.float32(alpha)).astype(np.float32)), 1.0
    elif node.get("transB", 0):
        right = tf.transpose(right)
    made = tf.matmul(left, right, transpose_a=bool(node.get("transA", 0)))
    if alpha != 1:
        made = made * alpha
    if not node.has(2):
        return Value.of(made)
    if isinstance(node.inputs[2], Value):
        return Value.of(made + node.inputs[2].plain(tf) * beta)
    return Value.of(made + constant(tf, (node.inputs[2] * np.float32(beta)).astype(np.float32)))


def matmul(tf, node: Node) -> Value:
    """MatMul of any rank, as numpy's."""
    left, right = node.value(tf, 0), node.value(tf, 1)
    if left.rank < 2 or right.rank < 2:
        raise UnsupportedNode("multiplies a vector; expected matrices")
    return Value.of(tf.matmul(left.plain(tf), right.plain(tf)))


OPERATORS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": matmul,
}
