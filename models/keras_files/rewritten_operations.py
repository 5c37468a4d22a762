"""Operations that TFLite has no operator for, or that its converter gets wrong, written in others.

Each is replaced in the frozen graph by a few that compute the same numbers. What TFLite lacks and
is not in the tables, or not of a form that is, stays and is named by the converter.
"""

import numpy as np

from models.keras_files.traced import TracedModel

SAME = 1e-5  # of the largest value: how far a resize by matrices may be from TensorFlow's
SIGN_BIT = -(2**31)


def rewrite(model: TracedModel, replacements: dict | None = None) -> bool:
    """Write the operations of ``model`` that are in ``replacements`` (REPLACEMENTS) otherwise;
    False where none is."""
    import tensorflow as tf

    definition = model.definition
    if replacements is None:
        has_transpose = any(node.op == "Transpose" for node in definition.node)
        replacements = REPLACEMENTS | (BESIDE_TRANSPOSE if has_transpose else {})
    candidates = [node for node in definition.node if node.op in replacements]
    if not candidates:
        return False
    filled = model.filled()
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(filled, name="")
    del filled  # it is as large as the model
    is_changed = False
    for node in candidates:
        operation = graph.get_operation_by_name(node.name)
        made = replacements[node.op](operation)
        if made:
            definition.node.remove(node)
            definition.node.extend(_nodes(operation, *made))
            is_changed = True
    return is_changed


def _nodes(operation, read: list, compute):
    """The nodes of ``compute`` on the tensors ``read`` of the graph, the last one named as
    ``operation`` is."""
    import tensorflow as tf

    with tf.Graph().as_default() as part:
        fed = [tf.compat.v1.placeholder(tensor.dtype, tensor.shape) for tensor in read]
        made = compute(*fed)
        end = tf.identity(tf.ensure_shape(made, operation.outputs[0].shape), "end").op.name
    outside = {each.op.name: tensor.name for each, tensor in zip(fed, read, strict=True)}

    def renamed(name: str) -> str:
        mark, plain = ("^", name[1:]) if name.startswith("^") else ("", name)
        plain, _, number = plain.partition(":")
        if plain in outside:
            return outside[plain]
        inside = operation.name if plain == end else f"{operation.name}/{plain}"
        return f"{mark}{inside}" + (f":{number}" if number else "")

    for node in part.as_graph_def().node:
        if node.name not in outside:
            node.name = renamed(node.name)
            node.input[:] = [renamed(name) for name in node.input]
            yield node


def _constant(operation, place: int):
    """The value of an input that does not depend on the image, else None."""
    import tensorflow as tf

    tensor = operation.inputs[place]
    try:
        with tf.compat.v1.Session(graph=operation.graph) as session:
            return session.run(tensor)
    except tf.errors.InvalidArgumentError:  # the image is not fed
        return None


def _resize(operation):
    """Two products with matrices: a resize is linear, along rows and along columns alike."""
    import tensorflow as tf

    before, after = operation.inputs[0].shape, operation.outputs[0].shape
    settings = [_constant(operation, n) for n in range(1, len(operation.inputs))]
    if not (before[1:].is_fully_defined() and after[1:].is_fully_defined()):
        return None
    if before[0] is None or any(each is None for each in settings):
        return None

    types = [each.type_attr for each in operation.op_def.input_arg]
    named = {
        each.name: operation.get_attr(each.name)
        for each in operation.op_def.attr
        if each.name not in types
    }
    names = [each.name for each in operation.op_def.input_arg]

    def original(images):
        given = dict(zip(names, map(tf.constant, [images, *settings]), strict=True))
        return np.asarray(getattr(tf.raw_ops, operation.type)(**given, **named))

    height, width = before[1], before[2]
    rows = np.zeros((1, height, width, height), np.float32)
    rows[0, range(height), :, range(height)] = 1
    columns = np.zeros((1, height, width, width), np.float32)
    columns[0, :, range(width), range(width)] = 1
    with tf.init_scope():
        by_row = original(rows)[0, :, 0]  # [new height, height]
        by_column = original(columns)[0, 0]  # [new width, width]
        trial = np.random.default_rng(0).uniform(-1, 1, (1, height, width, 2)).astype(np.float32)
        expected = original(trial)
    found = np.einsum("ih,jw,bhwc->bijc", by_row, by_column, trial)
    if np.abs(found - expected).max() > SAME * np.abs(expected).max():
        return None
    channels, batch = before[3], before[0]

    def compute(images):
        flat = tf.reshape(tf.cast(images, tf.float32), (batch, height, width * channels))
        flat = tf.linalg.matmul(np.broadcast_to(by_row, (batch, *by_row.shape)), flat)
        lines = tf.reshape(flat, (batch * len(by_row), width, channels))
        by_line = np.broadcast_to(by_column, (batch * len(by_row), *by_column.shape))
        return tf.reshape(
            tf.linalg.matmul(by_line, lines), (batch, len(by_row), len(by_column), channels)
        )

    return [operation.inputs[0]], compute


def _transposed_convolution(operation):
    """One whose kernel is dilated: zeros between its weights do the same."""
    import tensorflow as tf

    dilations, kernel = operation.get_attr("dilations"), _constant(operation, 1)
    if kernel is None or list(dilations) == [1, 1, 1, 1]:
        return None
    sides = [
        step * (size - 1) + 1 for step, size in zip(dilations[1:3], kernel.shape, strict=False)
    ]
    wide = np.zeros((*sides, *kernel.shape[2:]), kernel.dtype)
    wide[:: dilations[1], :: dilations[2]] = kernel
    shape, strides = operation.outputs[0].shape, operation.get_attr("strides")
    padding = operation.get_attr("padding").decode()

    def compute(gradient):
        return tf.nn.conv2d_transpose(gradient, wide, shape, strides, padding)

    return [operation.inputs[2]], compute


def _patches(operation):
    """A convolution with a kernel of ones, one for each place of a patch."""
    import tensorflow as tf

    _, rows, columns, _ = operation.get_attr("ksizes")
    channels = operation.inputs[0].shape[3]
    if channels is None:
        return None
    count = rows * columns * channels
    kernel = np.eye(count, dtype=np.float32).reshape(rows, columns, channels, count)

    def compute(images):
        return tf.nn.conv2d(
            images,
            kernel,
            operation.get_attr("strides"),
            operation.get_attr("padding").decode(),
            dilations=operation.get_attr("rates"),
        )

    return [operation.inputs[0]], compute


def _pool_3d(operation):
    """Two pools: of the planes, and along what they lie behind each other in."""
    import tensorflow as tf

    shape = operation.inputs[0].shape
    if not shape.is_fully_defined():
        return None
    pool = tf.nn.max_pool2d if operation.type == "MaxPool3D" else tf.nn.avg_pool2d
    size, strides = operation.get_attr("ksize"), operation.get_attr("strides")
    padding = operation.get_attr("padding").decode()

    def compute(volume):
        batch, depth, height, width, channels = shape
        planes = tf.reshape(volume, (batch * depth, height, width, channels))
        planes = pool(planes, size[2:4], strides[2:4], padding)
        height, width = planes.shape[1:3]
        lines = tf.reshape(planes, (batch, depth, height * width, channels))
        lines = pool(lines, (size[1], 1), (strides[1], 1), padding)
        return tf.reshape(lines, (batch, lines.shape[1], height, width, channels))

    return [operation.inputs[0]], compute


def _sign_bit(operation):
    """The sign bits of numbers, which Keras's argmax looks at; that of -0 counts as that of 0."""
    import tensorflow as tf

    mask, bits = _constant(operation, 1), operation.inputs[0].op
    if mask is None or (mask != SIGN_BIT).any() or bits.type != "Bitcast":
        return None
    sign, zero = np.int32(SIGN_BIT), np.int32(0)
    return [bits.inputs[0]], lambda x: tf.where(x < 0, sign, zero)


def _erf(operation):
    """Abramowitz and Stegun 7.1.26, within 1.5e-7."""
    import tensorflow as tf

    def erf(x):
        t = 1 / (1 + 0.3275911 * tf.abs(x))
        sum_ = 1.061405429
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            sum_ = coefficient + t * sum_
        return tf.sign(x) * (1 - t * sum_ * tf.exp(-x * x))

    return [operation.inputs[0]], erf if operation.type == "Erf" else lambda x: 1 - erf(x)


def _contrast(operation):
    import tensorflow as tf

    def compute(images, factor):
        mean = tf.reduce_mean(images, (-3, -2), keepdims=True)
        return (images - mean) * factor + mean

    return list(operation.inputs), compute


def _constant_first(operation):
    """A constant minus, or divided by, what is computed, in a graph with a Transpose.

    The converter of TensorFlow 2.21 moves a Transpose from ahead of it to behind it and then swaps
    the two where the constant is one number or has all axes. A constant of one axis stays.
    """
    if operation.inputs[1].shape.rank in (None, 0, 1):
        return None
    constant = _constant(operation, 0)
    if constant is None or constant.dtype != np.float32:
        return None
    is_difference = operation.type == "Sub"
    if constant.size == 1:
        row = constant.reshape(1)
        return [operation.inputs[1]], lambda x: row - x if is_difference else row / x
    one = np.ones(1, np.float32)
    return (
        [operation.inputs[1]],
        lambda x: x * -one + constant if is_difference else (one / x) * constant,
    )


def _function(compute):
    """Of one tensor, each number by itself."""
    return lambda operation: ([operation.inputs[0]], compute)


def _tan(x):
    import tensorflow as tf

    return tf.sin(x) / tf.cos(x)


def _sinh(x):
    import tensorflow as tf

    return (tf.exp(x) - tf.exp(-x)) / 2


def _cosh(x):
    import tensorflow as tf

    return (tf.exp(x) + tf.exp(-x)) / 2


REPLACEMENTS = {
    "ResizeBicubic": _resize,
    "ResizeArea": _resize,
    "ScaleAndTranslate": _resize,
    "Conv2DBackpropInput": _transposed_convolution,
    "ExtractImagePatches": _patches,
    "MaxPool3D": _pool_3d,
    "AvgPool3D": _pool_3d,
    "BitwiseAnd": _sign_bit,
    "AdjustContrastv2": _contrast,
    "Tan": _function(_tan),
    "Sinh": _function(_sinh),
    "Cosh": _function(_cosh),
}
BESIDE_TRANSPOSE = {"Sub": _constant_first, "RealDiv": _constant_first}
# The converter makes one operator of those in a GELU, so only where it could not.
AFTER_A_FAILURE = {"Erf": _erf, "Erfc": _erf}
