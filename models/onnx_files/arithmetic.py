"""Arithmetic and comparisons of .onnx files, element by element."""

import functools

import numpy as np

from models.onnx_files.node import Node, constant
from models.onnx_files.value import Value


def aligned(tf, node: Node) -> tuple[list, tuple[int, ...]]:
    """The inputs as tensors of one rank with their axes in one order, and that order.

    Operands of lower rank get axes of size 1 in front, as numpy's broadcasting has it.
    """
    values = [found for found in node.inputs if found is not None]
    computed = [found for found in values if isinstance(found, Value)]
    rank = max(len(found.shape) for found in values)
    order = next((v.axes for v in computed if v.rank == rank), tuple(range(rank)))
    return [_in_order(tf, found, order) for found in values], order


def _in_order(tf, found, order: tuple[int, ...]):
    """An operand with the axes of ``order``, missing ones in front."""
    missing = len(order) - len(found.shape)
    shape = (*[1] * missing, *found.shape)
    if isinstance(found, Value):
        return (found.reshaped(tf, shape) if missing else found).ordered(tf, order)
    return constant(tf, np.reshape(found, shape).transpose(order))


def _elementwise(name: str):
    """The function ``name`` of TensorFlow on two operands or, one after the other, on more."""

    def compute(tf, node: Node) -> Value:
        operands, order = aligned(tf, node)
        operation = functools.reduce(getattr, name.split("."), tf)
        return Value(functools.reduce(operation, operands), order)

    return compute


def unary(name: str):
    """The function ``name`` of TensorFlow on one tensor."""

    def compute(tf, node: Node) -> Value:
        operation = functools.reduce(getattr, name.split("."), tf)
        value = node.value(tf, 0)
        return value.like(operation(value.tensor))

    return compute


def power(tf, node: Node) -> Value:
    """Pow; squares and roots by operators of their own."""
    exponent = node.inputs[1]
    if not isinstance(exponent, Value) and exponent.size == 1:
        named = {2.0: tf.square, 0.5: tf.sqrt, 1.0: tf.identity}.get(float(exponent.reshape(-1)[0]))
        if named and exponent.ndim <= len(node.inputs[0].shape):
            value = node.value(tf, 0)
            return value.like(named(value.tensor))
    if not isinstance(exponent, Value):
        inputs = (node.inputs[0], exponent.astype(np.float32))
        node = Node(node.kind, node.attributes, inputs, node.outputs, node.opset)
    return _elementwise("pow")(tf, node)


def mean(tf, node: Node) -> Value:
    """Mean of several tensors."""
    operands, order = aligned(tf, node)
    return Value(functools.reduce(tf.add, operands) / len(operands), order)


def where(tf, node: Node) -> Value:
    """Where: condition, then, else."""
    operands, order = aligned(tf, node)
    return Value(tf.where(*operands), order)


def cast(tf, node: Node) -> Value:
    """Cast; every float is float32 here."""
    import onnx

    dtype = onnx.helper.tensor_dtype_to_np_dtype(node.get("to"))
    value = node.value(tf, 0)
    wanted = tf.float32 if np.dtype(dtype).kind == "f" else tf.as_dtype(dtype)
    return value if value.tensor.dtype == wanted else value.like(tf.cast(value.tensor, wanted))


OPERATORS = {
    "Add": _elementwise("add"),
    "Sub": _elementwise("subtract"),
    "Mul": _elementwise("multiply"),
    "Div": _elementwise("divide"),
    "Max": _elementwise("maximum"),
    "Min": _elementwise("minimum"),
    "Sum": _elementwise("add"),
    "Mean": mean,
    "Pow": power,
    "Equal": _elementwise("equal"),
    "Greater": _elementwise("greater"),
    "GreaterOrEqual": _elementwise("greater_equal"),
    "Less": _elementwise("less"),
    "LessOrEqual": _elementwise("less_equal"),
    "And": _elementwise("logical_and"),
    "Or": _elementwise("logical_or"),
    "Not": unary("logical_not"),
    "Where": where,
    "Cast": cast,
    "Abs": unary("abs"),
    "Neg": unary("negative"),
    "Exp": unary("exp"),
    "Log": unary("math.log"),
    "Sqrt": unary("sqrt"),
    "Floor": unary("floor"),
    "Ceil": unary("math.ceil"),
    "Round": unary("round"),
    "Sign": unary("sign"),
    "Sin": unary("sin"),
    "Cos": unary("cos"),
    "Reciprocal": unary("math.reciprocal"),
}
