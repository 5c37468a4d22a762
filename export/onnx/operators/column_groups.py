"""The convolution of an int8 image of few channels as one of groups of its columns.

ONNX Runtime's fast int8 kernel on x86 reads FOLD channels at a time. Where an image has three, the
runtime copies every window instead, which takes longer than its products. Channels last, four
columns of three channels are one column of twelve, without a number moving. The convolution of
those makes the columns of the output that begin in one group as channels side by side. Weights that
a column does not have are zeros; every sum is what it was.
"""

from dataclasses import replace

import numpy as np

from export.onnx.axis_order import NCHW, as_is
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.weights import biases, kernel, layer_input, over_again
from export.onnx.operators.windows import dilations, onnx_pads, strides
from export.onnx.tflite_operator import Operator
from export.onnx.value import Padding, Value

FOLD = 4
MOST_CHANNELS = 3  # of an image: with more, the copies are the smaller part
MOST_UNITS = 32  # that read a window: with more, likewise
MOST_PRODUCTS = 3  # as many as there were


def convolution(
    operator: Operator, writer: GraphWriter, source: Value, around: Padding
) -> Value | None:
    """The output of ``operator`` for ``source`` with zeros ``around`` it; None where columns in
    groups are not faster."""
    weights, name = writer.value(operator.inputs[1]), operator.outputs[0]
    (down, step), shape = strides(operator), writer.shape(name)
    if not _is_int8(writer, source, weights, name) or dilations(operator) != [1, 1]:
        return None
    _, height, width, channels = source.shape
    columns = next(n for n in range(step, FOLD * step + 1, step) if n * channels % FOLD == 0)
    together = columns // step
    if width % columns or shape[2] * step != width or shape[3] > MOST_UNITS:
        return None
    grouped, before, after = _kernel(weights, columns, step, around[1][0])
    if grouped.shape[2] * columns > MOST_PRODUCTS * weights.shape[2]:
        return None
    wide = writer.reshaped(source, (1, height, width // columns, columns * channels))
    inputs = [
        layer_input(writer, wide, NCHW, grouped),
        kernel(writer, grouped, NCHW),
        *biases(writer, operator.input(2), shape[3], together),
    ]
    made = writer.node(
        "Conv",
        inputs,
        kernel_shape=list(grouped.shape[1:3]),
        strides=[down, 1],
        dilations=[1, 1],
        pads=onnx_pads((around[0], (before, after))),
        group=1,
    )
    value = Value(name, (1, shape[1], shape[2] // together, together * shape[3]), {NCHW: made})
    # Rounded before the Reshape: between the two, the Conv would not be an integer kernel.
    value = writer.settled(name, value, operator.activation)
    writer.form(value, as_is(4))  # the order that the Reshape moves nothing in
    return writer.reshaped(value, shape, name)


def _is_int8(writer: GraphWriter, source: Value, weights: Value, name: str) -> bool:
    """True for a convolution of integers that lie channels last, few enough, by int8."""
    if weights.array is None or weights.array.dtype != np.int8 or weights.quantization is None:
        return False
    if source.quantization is None or writer.graph.quantization(name) is None:
        return False
    if not weights.shape[3] == source.shape[3] <= MOST_CHANNELS or source.shape[0] != 1:
        return False
    is_there = as_is(4) in writer.layouts.orders(source)
    return is_there and not weights.quantization.zero_point.any()


def _kernel(weights: Value, columns: int, step: int, before: int) -> tuple[Value, int, int]:
    """``weights`` for groups of ``columns``, and how many groups of zeros they need before and
    after the image where they had ``before`` columns."""
    units, height, width, channels = weights.shape
    places = {
        (one, i): divmod(step * one - before + i, columns)
        for one in range(columns // step)
        for i in range(width)
    }
    groups = [group for group, _ in places.values()]
    first, last = min(*groups, 0), max(*groups, 0)
    array = np.zeros((columns // step, units, height, last - first + 1, columns, channels), np.int8)
    for (one, i), (group, place) in places.items():
        array[one, :, :, group - first, place] = weights.array[:, :, i]
    array = array.reshape(-1, height, last - first + 1, columns * channels)
    found = over_again(weights.quantization, columns // step)
    made = replace(weights, shape=array.shape, array=array, quantization=found, forms={})
    return made, -first, last
