"""Pooling over windows of an image."""

from export.onnx.axis_order import NCHW
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.windows import onnx_pads, pads, strides
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value


def average_pool(operator: Operator, writer: GraphWriter) -> Value:
    """The mean of what is inside the image; the padding does not count."""
    made = _pool(operator, writer, "AveragePool", _image(operator, writer), count_include_pad=0)
    return writer.result(operator, made, NCHW)


def max_pool(operator: Operator, writer: GraphWriter) -> Value:
    made = _pool(operator, writer, "MaxPool", _image(operator, writer))
    return writer.result(operator, made, NCHW)


def l2_pool(operator: Operator, writer: GraphWriter) -> Value:
    """The root of the mean square."""
    image = _image(operator, writer)
    square = writer.node("Mul", [image, image])
    mean = _pool(operator, writer, "AveragePool", square, count_include_pad=0)
    return writer.result(operator, writer.node("Sqrt", [mean]), NCHW)


def _image(operator: Operator, writer: GraphWriter) -> str:
    return writer.form(writer.value(operator.inputs[0]), NCHW)


def _pool(operator: Operator, writer: GraphWriter, kind: str, image: str, **attributes) -> str:
    window = (operator.option("filterHeight"), operator.option("filterWidth"))
    size = writer.shape(operator.inputs[0])[1:3]
    return writer.node(
        kind,
        [image],
        kernel_shape=list(window),
        strides=strides(operator),
        pads=onnx_pads(pads(operator, size, window)),
        **attributes,
    )


FUNCTIONS = {"AVERAGE_POOL_2D": average_pool, "MAX_POOL_2D": max_pool, "L2_POOL_2D": l2_pool}
