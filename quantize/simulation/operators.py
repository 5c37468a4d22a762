"""The operators of a graph in TensorFlow: the same real numbers, with gradients.

Each function takes the tensors that an operator reads and the schema's object for it, batch first
and of any size. What a fused activation adds is not among them, nor what integers round.
"""

from collections.abc import Callable

import numpy as np

PADDING = ("SAME", "VALID")  # by the schema's number


def _conv_2d(inputs, operator):
    import tensorflow as tf

    x, weights, *bias = inputs
    options = operator.builtinOptions

    steps, padding = [1, options.strideH, options.strideW, 1], PADDING[options.padding]
    kernel = _dilated(tf.transpose(weights, [1, 2, 3, 0]), options)
    # One after another: TensorFlow has no gradient of groups on some processors.
    groups = int(x.shape[-1]) // int(weights.shape[-1])
    parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
    found = [tf.nn.conv2d(x, kernel, steps, padding) for x, kernel in parts]
    return _plus(tf.concat(found, -1) if groups > 1 else found[0], bias)


def _depthwise_conv_2d(inputs, operator):
    import tensorflow as tf

    x, weights, *bias = inputs
    options = operator.builtinOptions
    height, width, outputs = weights.shape[1:]
    channels = x.shape[-1]
    kernel = tf.reshape(weights, [height, width, channels, outputs // channels])
    kernel, padding = _dilated(kernel, options), PADDING[options.padding]
    steps = [1, options.strideH, options.strideW, 1]
    if options.strideH == options.strideW:
        return _plus(tf.nn.depthwise_conv2d(x, kernel, steps, padding), bias)
    # TensorFlow's depthwise convolution has one stride for both directions.
    parts = zip(tf.split(x, channels, -1), tf.split(kernel, channels, 2), strict=True)
    return _plus(tf.concat([tf.nn.conv2d(x, k, steps, padding) for x, k in parts], -1), bias)


def _dilated(kernel, options):
    """``kernel`` [h, w, ...] with zeros where dilation leaves places out: TensorFlow has no
    gradient of dilation on some processors."""
    import tensorflow as tf

    for axis, factor in enumerate((options.dilationHFactor, options.dilationWFactor)):
        taps = int(kernel.shape[axis])
        if factor > 1 and taps > 1:
            zeros = tf.zeros_like(kernel)
            spread = tf.stack([kernel, *[zeros] * (factor - 1)], axis + 1)
            sizes = [int(n) for n in kernel.shape]
            sizes[axis] *= factor
            within = [slice(None)] * axis + [slice((taps - 1) * factor + 1)]
            kernel = tf.reshape(spread, sizes)[tuple(within)]
    return kernel


def _fully_connected(inputs, operator):
    import tensorflow as tf

    x, weights, *bias = inputs
    outputs, taps = weights.shape
    found = tf.reshape(x, [-1, taps]) @ tf.transpose(weights)
    if operator.builtinOptions.keepNumDims:
        found = tf.reshape(found, [*_sizes(x)[:-1], outputs])
    return _plus(found, bias)


def _reduced(function: str):
    def reduce(inputs, operator):
        import tensorflow as tf

        axes = [int(axis) for axis in np.ravel(inputs[1])]
        return getattr(tf, function)(inputs[0], axes, operator.builtinOptions.keepDims)

    return reduce


def _pool(kind: str):
    def pool(inputs, operator):
        import tensorflow as tf

        options = operator.builtinOptions
        size = [options.filterHeight, options.filterWidth]
        steps = [options.strideH, options.strideW]
        return tf.nn.pool(inputs[0], size, kind, steps, PADDING[options.padding])

    return pool


def _pad(inputs, operator):
    import tensorflow as tf

    return tf.pad(inputs[0], np.asarray(inputs[1]))


def _concatenation(inputs, operator):
    import tensorflow as tf

    return tf.concat(inputs, operator.builtinOptions.axis)


def _transpose(inputs, operator):
    import tensorflow as tf

    return tf.transpose(inputs[0], [int(axis) for axis in np.ravel(inputs[1])])


def _softmax(inputs, operator):
    import tensorflow as tf

    return tf.nn.softmax(operator.builtinOptions.beta * inputs[0])


def _batch_matmul(inputs, operator):
    import tensorflow as tf

    options = operator.builtinOptions
    return tf.matmul(*inputs, transpose_a=options.adjX, transpose_b=options.adjY)


def _tile(inputs, operator):
    import tensorflow as tf

    return tf.tile(inputs[0], [int(times) for times in np.ravel(inputs[1])])


def _of_blocks(function: str):
    def apply(inputs, operator):
        import tensorflow as tf

        return getattr(tf.nn, function)(inputs[0], operator.builtinOptions.blockSize)

    return apply


def _gelu(inputs, operator):
    import tensorflow as tf

    return tf.nn.gelu(inputs[0], operator.builtinOptions.approximate)


def _leaky_relu(inputs, operator):
    import tensorflow as tf

    return tf.nn.leaky_relu(inputs[0], operator.builtinOptions.alpha)


def _resized(method: str):
    def resize(inputs, operator):
        import tensorflow as tf

        options = operator.builtinOptions
        size = [int(n) for n in np.ravel(inputs[1])]
        return getattr(tf.raw_ops, method)(
            images=inputs[0],
            size=size,
            align_corners=options.alignCorners,
            half_pixel_centers=options.halfPixelCenters,
        )

    return resize


def _of_all(function: str):
    """An operator that TensorFlow has as ``function`` of the tensors that it reads."""

    def apply(inputs, operator):
        import tensorflow as tf

        found = tf
        for part in function.split("."):
            found = getattr(found, part)
        return found(*inputs)

    return apply


def _hard_swish(inputs, operator):
    import tensorflow as tf

    return inputs[0] * tf.nn.relu6(inputs[0] + 3) / 6


def _relu_n1_to_1(inputs, operator):
    import tensorflow as tf

    return tf.clip_by_value(inputs[0], -1.0, 1.0)


def _plus(found, bias: list):
    return found + bias[0] if bias else found


def _sizes(x) -> list[int]:
    """The shape of a tensor, its batch of any size."""
    return [-1, *(int(n) for n in x.shape[1:])]


OPERATORS: dict[str, Callable] = {
    "ABS": _of_all("abs"),
    "ADD": lambda inputs, operator: inputs[0] + inputs[1],
    "AVERAGE_POOL_2D": _pool("AVG"),
    "BATCH_MATMUL": _batch_matmul,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEQUANTIZE": lambda inputs, operator: inputs[0],
    "DEPTH_TO_SPACE": _of_blocks("depth_to_space"),
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DIV": lambda inputs, operator: inputs[0] / inputs[1],
    "ELU": _of_all("nn.elu"),
    "EXP": _of_all("exp"),
    "FULLY_CONNECTED": _fully_connected,
    "GELU": _gelu,
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "LOG": _of_all("math.log"),
    "LOGISTIC": _of_all("sigmoid"),
    "MAX_POOL_2D": _pool("MAX"),
    "MAXIMUM": _of_all("maximum"),
    "MEAN": _reduced("reduce_mean"),
    "MINIMUM": _of_all("minimum"),
    "MUL": lambda inputs, operator: inputs[0] * inputs[1],
    "NEG": _of_all("negative"),
    "PAD": _pad,
    "POW": _of_all("pow"),
    "QUANTIZE": lambda inputs, operator: inputs[0],
    "RELU": _of_all("nn.relu"),
    "RELU6": _of_all("nn.relu6"),
    "RESIZE_BILINEAR": _resized("ResizeBilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resized("ResizeNearestNeighbor"),
    "RSQRT": _of_all("math.rsqrt"),
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _of_blocks("space_to_depth"),
    "SQRT": _of_all("sqrt"),
    "SQUARE": _of_all("square"),
    "SQUARED_DIFFERENCE": _of_all("math.squared_difference"),
    "SUB": lambda inputs, operator: inputs[0] - inputs[1],
    "SUM": _reduced("reduce_sum"),
    "TANH": _of_all("tanh"),
    "TILE": _tile,
    "TRANSPOSE": _transpose,
}
# Operators that only lay their input out anew; the shape is that of their output.
RESHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
FUSED: dict[str, Callable] = {
    "RELU": _of_all("nn.relu"),
    "RELU6": _of_all("nn.relu6"),
    "TANH": _of_all("tanh"),
    "RELU_N1_TO_1": _relu_n1_to_1,
}
