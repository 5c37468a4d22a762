"""Dense layers and products of matrices."""

from export.onnx.axis_order import NCHW, as_is
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.weights import biases, kernel, layer_input
from export.onnx.tflite_operator import Operator, Unsupported
from export.onnx.value import Value


def fully_connected(operator: Operator, writer: GraphWriter) -> Value:
    """A Gemm of the flattened input; over a map that is channels first, a 1x1 Conv."""
    source, weights = (writer.value(name) for name in operator.inputs[:2])
    if operator.option("weightsFormat"):
        raise Unsupported("FULLY_CONNECTED with shuffled weights")
    if _is_over_a_map(operator, writer, source):
        return _pointwise(operator, writer, source, weights)
    units, length = weights.shape
    flat = writer.reshaped(source, (source.size // length, length))
    inputs = [
        layer_input(writer, flat, as_is(2), weights),
        kernel(writer, weights, as_is(2)),
        *biases(writer, operator.input(2), units),
    ]
    made = writer.node("Gemm", inputs, transB=1)
    name = operator.outputs[0]
    value = Value(name, (flat.shape[0], units), {as_is(2): made})
    if writer.shape(name) == value.shape:
        return value
    # Rounded before the Reshape: between the two, the Gemm would not be an integer kernel.
    return writer.reshaped(
        writer.settled(name, value, operator.activation), writer.shape(name), name
    )


def _is_over_a_map(operator: Operator, writer: GraphWriter, source: Value) -> bool:
    """True where each place of an image that is channels first is multiplied by itself."""
    made = writer.shape(operator.outputs[0])
    if source.rank != 4 or made[:-1] != source.shape[:-1] or made[1] * made[2] == 1:
        return False
    return NCHW in writer.layouts.orders(source)


def _pointwise(operator: Operator, writer: GraphWriter, source: Value, weights: Value) -> Value:
    units, length = weights.shape
    if weights.array is None:
        raise Unsupported("FULLY_CONNECTED of a map with weights that are computed")
    as_kernel = writer.reshaped(weights, (units, 1, 1, length))
    inputs = [
        layer_input(writer, source, NCHW, weights),
        kernel(writer, as_kernel, NCHW),
        *biases(writer, operator.input(2), units),
    ]
    return writer.result(operator, writer.node("Conv", inputs, kernel_shape=[1, 1]), NCHW)


def batch_matmul(operator: Operator, writer: GraphWriter) -> Value:
    rank = len(writer.shape(operator.outputs[0]))
    reals = []
    for name, option in zip(operator.inputs, ("adjX", "adjY"), strict=True):
        value, axes = writer.value(name), as_is(len(writer.shape(name)))
        order = (*axes[:-2], axes[-1], axes[-2]) if operator.option(option) else axes
        reals.append(writer.form(value, order))
    return writer.result(operator, writer.node("MatMul", reals), as_is(rank))


FUNCTIONS = {"FULLY_CONNECTED": fully_connected, "BATCH_MATMUL": batch_matmul}
