"""Convolutions of images."""

from export.onnx.axis_order import NCHW, Order
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators import column_groups
from export.onnx.operators.weights import biases, kernel, layer_input
from export.onnx.operators.windows import dilations, onnx_pads, pads, strides
from export.onnx.tflite_operator import Operator
from export.onnx.value import Padding, Value

DEPTHWISE = (3, 0, 1, 2)  # of a TFLite kernel 1HWC: C1HW
TRANSPOSED = (3, 0, 1, 2)  # of a TFLite kernel OHWI: IOHW

VOLUME = (0, 4, 1, 2, 3)
VOLUME_KERNEL = (4, 3, 0, 1, 2)


def convolution(operator: Operator, writer: GraphWriter) -> Value:
    weights = writer.value(operator.inputs[1])
    groups = writer.shape(operator.inputs[0])[3] // weights.shape[3]
    image = _image(operator, writer, weights)
    made = column_groups.convolution(operator, writer, *image)
    return made or _convolution(operator, writer, weights, NCHW, groups, image)


def depthwise_convolution(operator: Operator, writer: GraphWriter) -> Value:
    weights = writer.value(operator.inputs[1])
    channels = writer.shape(operator.inputs[0])[3]
    image = _image(operator, writer, weights)
    return _convolution(operator, writer, weights, DEPTHWISE, channels, image)


def _image(operator: Operator, writer: GraphWriter, weights: Value) -> tuple[Value, Padding]:
    """The input, and the zeros around its height and width: those of a PAD ahead as well."""
    source, around = _without_padding(writer.value(operator.inputs[0]))
    own = pads(operator, writer.shape(operator.inputs[0])[1:3], weights.shape[1:3])
    return source, tuple((a + c, b + d) for (a, b), (c, d) in zip(around, own, strict=True))


def _convolution(
    operator: Operator,
    writer: GraphWriter,
    weights: Value,
    order: Order,
    groups: int,
    image: tuple[Value, Padding],
) -> Value:
    source, around = image
    inputs = [
        layer_input(writer, source, NCHW, weights),
        kernel(writer, weights, order),
        *biases(writer, operator.input(2), writer.shape(operator.outputs[0])[3]),
    ]
    made = writer.node(
        "Conv",
        inputs,
        kernel_shape=list(weights.shape[1:3]),
        strides=strides(operator),
        dilations=dilations(operator),
        pads=onnx_pads(around),
        group=groups,
    )
    return writer.result(operator, made, NCHW)


def _without_padding(value: Value) -> tuple[Value, Padding]:
    """The image inside the zeros of ``value``, and the zeros around its height and width."""
    if value.source is None or value.padding[0] != (0, 0) or value.padding[3] != (0, 0):
        return value, ((0, 0), (0, 0))
    return value.source, value.padding[1:3]


def transposed_convolution(operator: Operator, writer: GraphWriter) -> Value:
    """A ConvTranspose; TFLite gives the size of its output, ONNX what is cut off or added."""
    weights, source = (writer.value(operator.inputs[i]) for i in (1, 2))
    made_size = writer.shape(operator.outputs[0])[1:3]
    window, steps = weights.shape[1:3], strides(operator)
    around = pads(operator, made_size, window)
    cut, added = [], []
    for i in range(2):
        whole = (source.shape[i + 1] - 1) * steps[i] + window[i]
        after = whole - around[i][0] - made_size[i]
        cut.append((around[i][0], max(after, 0)))
        added.append(max(-after, 0))
    inputs = [
        layer_input(writer, source, NCHW, weights),
        kernel(writer, weights, TRANSPOSED),
        *biases(writer, operator.input(3), weights.shape[0]),
    ]
    made = writer.node(
        "ConvTranspose",
        inputs,
        kernel_shape=list(window),
        strides=steps,
        pads=onnx_pads(tuple(cut)),
        output_padding=added,
    )
    return writer.result(operator, made, NCHW)


def volume_convolution(operator: Operator, writer: GraphWriter) -> Value:
    """A Conv of a volume [n, d, h, w, c]; its kernel is [d, h, w, in, out]."""
    weights = writer.value(operator.inputs[1])
    window = weights.shape[:3]
    inputs = [
        writer.form(writer.value(operator.inputs[0]), VOLUME),
        kernel(writer, weights, VOLUME_KERNEL),
        *biases(writer, operator.input(2), weights.shape[4]),
    ]
    made = writer.node(
        "Conv",
        inputs,
        kernel_shape=list(window),
        strides=strides(operator, "DHW"),
        dilations=dilations(operator, "DHW"),
        pads=onnx_pads(pads(operator, writer.shape(operator.inputs[0])[1:4], window, "DHW")),
    )
    return writer.result(operator, made, VOLUME)


FUNCTIONS = {
    "CONV_3D": volume_convolution,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise_convolution,
    "TRANSPOSE_CONV": transposed_convolution,
}
