"""Operators that compute each number of their output from one of each input."""

from collections.abc import Callable

import numpy as np

from export.onnx import activations
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators import rows
from export.onnx.tflite_operator import Operator, Unsupported
from export.onnx.value import Value

SAME_IN_ONNX = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "POW": "Pow",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
    "ADD_N": "Sum",
    "PRELU": "PRelu",
    "EQUAL": "Equal",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "LOGICAL_AND": "And",
    "LOGICAL_OR": "Or",
    "SELECT": "Where",
    "SELECT_V2": "Where",
}


def _broadcasting(write: Callable[[GraphWriter, list[str]], str]):
    """A function that gives ``write`` the inputs of an operator in one order."""

    def written(operator: Operator, writer: GraphWriter) -> Value:
        _check_condition(operator, writer)
        rank = len(writer.shape(operator.outputs[0]))
        reals, order = writer.operands(operator.inputs, rank)
        reals = rows.repeated(operator, writer, reals, order)
        return writer.result(operator, write(writer, reals), order)

    return written


def _check_condition(operator: Operator, writer: GraphWriter) -> None:
    """SELECT, unlike SELECT_V2, takes a condition of one axis for whole rows."""
    if operator.kind == "SELECT":
        condition, chosen = (writer.shape(name) for name in operator.inputs[:2])
        if condition != chosen and condition:
            raise Unsupported("SELECT of rows")


def _of_kind(kind: str):
    return _broadcasting(lambda writer, reals: writer.node(kind, reals))


def _squared_difference(writer: GraphWriter, reals: list[str]) -> str:
    difference = writer.node("Sub", reals)
    return writer.node("Mul", [difference, difference])


def _not_equal(writer: GraphWriter, reals: list[str]) -> str:
    return writer.node("Not", [writer.node("Equal", reals)])


def _floor_div(operator: Operator, writer: GraphWriter) -> Value:
    is_float = writer.dtype(operator.inputs[0]) == np.float32

    def write(writer: GraphWriter, reals: list[str]) -> str:
        if is_float:
            return writer.node("Floor", [writer.node("Div", reals)])
        rest = writer.node("Mod", reals)  # of the divisor's sign
        return writer.node("Div", [writer.node("Sub", [reals[0], rest]), reals[1]])

    return _broadcasting(write)(operator, writer)


def _floor_mod(operator: Operator, writer: GraphWriter) -> Value:
    is_float = writer.dtype(operator.inputs[0]) == np.float32

    def write(writer: GraphWriter, reals: list[str]) -> str:
        if not is_float:
            return writer.node("Mod", reals)
        whole = writer.node("Floor", [writer.node("Div", reals)])
        return writer.node("Sub", [reals[0], writer.node("Mul", [whole, reals[1]])])

    return _broadcasting(write)(operator, writer)


def _unary(write: activations.Writer):
    def written(operator: Operator, writer: GraphWriter) -> Value:
        real, order = writer.any_form(writer.value(operator.inputs[0]))
        return writer.result(operator, write(writer.builder, real), order)

    return written


def _gelu(operator: Operator, writer: GraphWriter) -> Value:
    approximate = bool(operator.option("approximate"))
    return _unary(lambda builder, x: activations.gelu(builder, x, approximate))(operator, writer)


def _leaky_relu(operator: Operator, writer: GraphWriter) -> Value:
    alpha = float(operator.option("alpha"))
    return _unary(lambda builder, x: builder.node("LeakyRelu", [x], alpha=alpha))(operator, writer)


def _cast(operator: Operator, writer: GraphWriter) -> Value:
    from onnx import helper

    to = helper.np_dtype_to_tensor_dtype(writer.dtype(operator.outputs[0]))
    return _unary(lambda builder, x: builder.node("Cast", [x], to=to))(operator, writer)


def _bucketize(operator: Operator, writer: GraphWriter) -> Value:
    """The count of boundaries that each number has reached."""
    from onnx import TensorProto

    boundaries = np.asarray(operator.option("boundaries"), np.float32)

    def write(builder, real: str) -> str:
        apart = builder.node("Unsqueeze", [real, builder.setting([-1])])
        limits = builder.setting(boundaries, np.float32)
        reached = builder.node("GreaterOrEqual", [apart, limits])
        counted = builder.node("Cast", [reached], to=TensorProto.INT32)
        return builder.node("ReduceSum", [counted, builder.setting([-1])], keepdims=0)

    return _unary(write)(operator, writer)


FUNCTIONS = {
    **{kind: _of_kind(same) for kind, same in SAME_IN_ONNX.items()},
    **{kind: _unary(write) for kind, write in activations.FUNCTIONS.items()},
    "SQUARED_DIFFERENCE": _broadcasting(_squared_difference),
    "NOT_EQUAL": _broadcasting(_not_equal),
    "FLOOR_DIV": _floor_div,
    "FLOOR_MOD": _floor_mod,
    "GELU": _gelu,
    "LEAKY_RELU": _leaky_relu,
    "CAST": _cast,
    "BUCKETIZE": _bucketize,
}
