"""Tensors put together along an axis, and taken apart."""

from export.onnx.axis_order import Order
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value


def concatenation(operator: Operator, writer: GraphWriter) -> Value:
    values = [writer.value(name) for name in operator.inputs]
    return _joined(operator, writer, values, operator.option("axis"))


def pack(operator: Operator, writer: GraphWriter) -> Value:
    """Each tensor with a new axis of 1, along which they are joined."""
    rank = len(writer.shape(operator.outputs[0]))
    axis = operator.option("axis") % rank
    values = []
    for name in operator.inputs:
        shape = writer.shape(name)
        values.append(writer.reshaped(writer.value(name), (*shape[:axis], 1, *shape[axis:])))
    return _joined(operator, writer, values, axis)


def _joined(operator: Operator, writer: GraphWriter, values: list[Value], axis: int) -> Value:
    rank = len(writer.shape(operator.outputs[0]))
    order = writer.layouts.common_order(values, rank)
    reals = [writer.form(value, order) for value in values]
    made = writer.node("Concat", reals, axis=order.index(axis % rank))
    return writer.result(operator, made, order)


def split(operator: Operator, writer: GraphWriter) -> list[Value]:
    """SPLIT, whose axis comes first."""
    value = writer.value(operator.inputs[1])
    return _parts(operator, writer, value, int(writer.setting(operator, 0).item()))


def split_by_sizes(operator: Operator, writer: GraphWriter) -> list[Value]:
    value = writer.value(operator.inputs[0])
    return _parts(operator, writer, value, int(writer.setting(operator, 2).item()))


def _parts(operator: Operator, writer: GraphWriter, value: Value, axis: int) -> list[Value]:
    axis %= value.rank
    sizes = [writer.shape(name)[axis] for name in operator.outputs]
    reals, order = _split(writer, value, axis, sizes)
    return [writer.result(operator, real, order, i) for i, real in enumerate(reals)]


def unpack(operator: Operator, writer: GraphWriter) -> list[Value]:
    """Each index of an axis, which goes."""
    value = writer.value(operator.inputs[0])
    axis = operator.option("axis") % value.rank
    reals, order = _split(writer, value, axis, [1] * len(operator.outputs))
    part = tuple(1 if i == axis else n for i, n in enumerate(value.shape))
    return [
        writer.reshaped(Value(f"{name}:part", part, {order: real}), writer.shape(name), name)
        for name, real in zip(operator.outputs, reals, strict=True)
    ]


def _split(
    writer: GraphWriter, value: Value, axis: int, sizes: list[int]
) -> tuple[list[str], Order]:
    real, order = writer.any_form(value)
    if len(sizes) == 1:
        return [writer.node("Identity", [real])], order
    inputs = [real, writer.builder.setting(sizes)]
    return writer.builder.nodes_of("Split", inputs, len(sizes), axis=order.index(axis)), order


FUNCTIONS = {
    "CONCATENATION": concatenation,
    "PACK": pack,
    "SPLIT": split,
    "SPLIT_V": split_by_sizes,
    "UNPACK": unpack,
}
