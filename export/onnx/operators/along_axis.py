"""Operators along one axis: softmax, norms, sorting, sums that run on."""

import numpy as np

from export.onnx import axis_order
from export.onnx.axis_order import NCHW
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value
from quantize.graph.graph import Graph

L2_EPSILON = 1e-6  # what TFLite's kernel divides by at least


def softmax(operator: Operator, writer: GraphWriter) -> Value:
    value = writer.value(operator.inputs[0])
    real, order = writer.any_form(value)
    if value.shape[-1] == 1:  # always 1; ONNX Runtime's integer kernel makes it 256, which is 0
        ones = writer.node("Pow", [real, writer.builder.number(0.0)])
        return writer.result(operator, ones, order)
    beta = float(operator.option("beta", 1.0))
    if beta != 1:
        real = writer.node("Mul", [real, writer.builder.number(beta)])
    made = writer.node("Softmax", [real], axis=_last(order))
    if _is_rounded_again(operator.outputs[0], writer.graph):
        # ONNX Runtime would round once, to the finer steps, in an integer kernel that wraps round
        # beyond their end. It has none of a softmax with a minimum.
        made = writer.node("Min", [made, writer.builder.number(1.0)])
    return writer.result(operator, made, order)


def _is_rounded_again(name: str, graph: Graph) -> bool:
    return any(kind == "QUANTIZE" and name in inputs for kind, inputs, _ in graph.operators())


def log_softmax(operator: Operator, writer: GraphWriter) -> Value:
    real, order = writer.any_form(writer.value(operator.inputs[0]))
    return writer.result(operator, writer.node("LogSoftmax", [real], axis=_last(order)), order)


def l2_normalization(operator: Operator, writer: GraphWriter) -> Value:
    real, order = writer.any_form(writer.value(operator.inputs[0]))
    norm = writer.node("ReduceL2", [real], axes=[_last(order)], keepdims=1)
    norm = writer.node("Max", [norm, writer.builder.number(L2_EPSILON)])
    return writer.result(operator, writer.node("Div", [real, norm]), order)


def local_response_normalization(operator: Operator, writer: GraphWriter) -> Value:
    """TFLite multiplies the sum of squares by alpha, ONNX their mean over the whole window."""
    size = 2 * operator.option("radius") + 1
    made = writer.node(
        "LRN",
        [writer.form(writer.value(operator.inputs[0]), NCHW)],
        size=size,
        alpha=float(operator.option("alpha")) * size,
        beta=float(operator.option("beta")),
        bias=float(operator.option("bias")),
    )
    return writer.result(operator, made, NCHW)


def _last(order: tuple[int, ...]) -> int:
    """Where the last axis of the tensor is stored."""
    return order.index(len(order) - 1)


def _extreme(kind: str):
    """ArgMax or ArgMin, whose axis goes."""

    def written(operator: Operator, writer: GraphWriter) -> Value:
        value = writer.value(operator.inputs[0])
        real, order = writer.any_form(value)
        axis = int(writer.setting(operator, 1).item()) % value.rank
        made = writer.node(kind, [real], axis=order.index(axis), keepdims=0)
        if writer.dtype(operator.outputs[0]) != np.int64:
            made = _as_int32(writer, made)
        return writer.result(operator, made, axis_order.without(order, {axis}))

    return written


def top_k(operator: Operator, writer: GraphWriter) -> list[Value]:
    real, order = writer.any_form(writer.value(operator.inputs[0]))
    count = writer.builder.setting([int(writer.setting(operator, 1).item())])
    largest, places = writer.builder.nodes_of("TopK", [real, count], 2, axis=_last(order))
    return [
        writer.result(operator, largest, order),
        writer.result(operator, _as_int32(writer, places), order, 1),
    ]


def cumulative_sum(operator: Operator, writer: GraphWriter) -> Value:
    value = writer.value(operator.inputs[0])
    real, order = writer.any_form(value)
    axis = int(writer.setting(operator, 1).item()) % value.rank
    made = writer.node(
        "CumSum",
        [real, writer.builder.setting(order.index(axis))],
        exclusive=int(operator.option("exclusive")),
        reverse=int(operator.option("reverse")),
    )
    return writer.result(operator, made, order)


def _as_int32(writer: GraphWriter, value: str) -> str:
    from onnx import TensorProto

    return writer.node("Cast", [value], to=TensorProto.INT32)


FUNCTIONS = {
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": log_softmax,
    "L2_NORMALIZATION": l2_normalization,
    "LOCAL_RESPONSE_NORMALIZATION": local_response_normalization,
    "ARG_MAX": _extreme("ArgMax"),
    "ARG_MIN": _extreme("ArgMin"),
    "TOPK_V2": top_k,
    "CUMSUM": cumulative_sum,
}
