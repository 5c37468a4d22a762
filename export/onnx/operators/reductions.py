"""Sums, means and extremes over axes."""

from export.onnx import axis_order
from export.onnx.axis_order import NCHW
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value

# Of a whole image that is channels first; runtimes have faster kernels for these.
GLOBAL = {"MEAN": "GlobalAveragePool", "REDUCE_MAX": "GlobalMaxPool"}
KINDS = {
    "MEAN": "ReduceMean",
    "SUM": "ReduceSum",
    "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
}
OF_TRUTHS = {"REDUCE_ANY": "ReduceMax", "REDUCE_ALL": "ReduceMin"}


def reduction(operator: Operator, writer: GraphWriter) -> Value:
    from onnx import TensorProto

    value = writer.value(operator.inputs[0])
    axes = {int(axis) % value.rank for axis in writer.setting(operator, 1).reshape(-1)}
    real, order = writer.any_form(value)
    if operator.kind in GLOBAL and order == NCHW and axes == {1, 2}:
        return _over_image(operator, writer, real)
    places = sorted(order.index(axis) for axis in axes)
    kept = bool(operator.option("keepDims"))
    if operator.kind == "SUM":  # the first of them to have its axes as an input
        inputs, attributes = [real, writer.builder.setting(places)], {}
    else:
        inputs, attributes = [real], {"axes": places}
    is_truth = operator.kind in OF_TRUTHS
    if is_truth:  # ONNX has sums and extremes of numbers only
        inputs[0] = writer.node("Cast", inputs, to=TensorProto.INT32)
    kind = (KINDS | OF_TRUTHS)[operator.kind]
    made = writer.node(kind, inputs, keepdims=int(kept), **attributes)
    if is_truth:
        made = writer.node("Cast", [made], to=TensorProto.BOOL)
    return writer.result(operator, made, order if kept else axis_order.without(order, axes))


def _over_image(operator: Operator, writer: GraphWriter, real: str) -> Value:
    name, made = operator.outputs[0], writer.node(GLOBAL[operator.kind], [real])
    batch, *_, channels = writer.shape(operator.inputs[0])
    value = Value(name, (batch, 1, 1, channels), {NCHW: made})
    if writer.shape(name) == value.shape:
        return value
    # Rounded before the Reshape: between the two, the pooling would not be an integer kernel.
    return writer.reshaped(writer.settled(name, value), writer.shape(name), name)


FUNCTIONS = dict.fromkeys((*KINDS, *OF_TRUTHS), reduction)
