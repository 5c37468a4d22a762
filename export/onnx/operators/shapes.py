"""Operators that give the same numbers another shape, or an order or precision of their own."""

from dataclasses import replace

import numpy as np

from export.onnx.axis_order import as_is
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value


def reshape(operator: Operator, writer: GraphWriter) -> Value:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: shapes are known, so the last two are the first."""
    name = operator.outputs[0]
    return writer.reshaped(writer.value(operator.inputs[0]), writer.shape(name), name)


def transpose(operator: Operator, writer: GraphWriter) -> Value:
    """Nothing is written: the operators that read it find the axes where they are."""
    value = writer.value(operator.inputs[0])
    axes = tuple(int(axis) % value.rank for axis in writer.setting(operator, 1))
    return writer.layouts.transposed(value, axes, operator.outputs[0])


def shape(operator: Operator, writer: GraphWriter) -> Value:
    array = np.asarray(writer.shape(operator.inputs[0]), writer.dtype(operator.outputs[0]))
    return _constant(operator, array)


def fill(operator: Operator, writer: GraphWriter) -> Value:
    name = operator.outputs[0]
    return _constant(
        operator,
        np.full(writer.shape(name), writer.setting(operator, 1).item(), writer.dtype(name)),
    )


def _constant(operator: Operator, array: np.ndarray) -> Value:
    return Value(operator.outputs[0], array.shape, array=array, settled=True)


def broadcast_to(operator: Operator, writer: GraphWriter) -> Value:
    size = writer.shape(operator.outputs[0])
    (real,), order = writer.operands(operator.inputs[:1], len(size))
    made = writer.node("Expand", [real, writer.builder.setting([size[axis] for axis in order])])
    return writer.result(operator, made, order)


def tile(operator: Operator, writer: GraphWriter) -> Value:
    real, order = writer.any_form(writer.value(operator.inputs[0]))
    times = writer.setting(operator, 1)
    made = writer.node("Tile", [real, writer.builder.setting([times[axis] for axis in order])])
    return writer.result(operator, made, order)


def dequantize(operator: Operator, writer: GraphWriter) -> Value:
    """The real numbers that every value is here; of a constant, float16 widened."""
    value = writer.value(operator.inputs[0])
    if value.array is None or value.quantization is not None:
        return value
    array = value.array.astype(np.float32)
    return replace(value, name=operator.outputs[0], array=array, forms={})


def quantize(operator: Operator, writer: GraphWriter) -> Value:
    """The numbers as they are; what they are rounded to is the output's own map."""
    value = writer.value(operator.inputs[0])
    if value.array is not None:
        return writer.result(operator, writer.form(value, as_is(value.rank)), as_is(value.rank))
    forms = {order: value.forms[order] for order in writer.layouts.orders(value)[:1]}
    return Value(operator.outputs[0], value.shape, forms)


FUNCTIONS = {
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "SHAPE": shape,
    "FILL": fill,
    "BROADCAST_TO": broadcast_to,
    "TILE": tile,
    "DEQUANTIZE": dequantize,
    "QUANTIZE": quantize,
}
