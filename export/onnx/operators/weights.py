"""Kernels and biases of layers, float or as the integers of the TFLite file."""

from dataclasses import replace

import numpy as np

from export.onnx.axis_order import Order, as_is
from export.onnx.graph_writer import GraphWriter
from export.onnx.layouts import dequantized
from export.onnx.model_builder import SCALE, ZERO_POINT
from export.onnx.value import Value
from quantize.graph.graph import Quantization

INTEGERS = {np.dtype(np.int8): ":int8", np.dtype(np.int32): ":int32"}


def kernel(writer: GraphWriter, value: Value, order: Order) -> str:
    """The weights ``value`` in ``order``."""
    if value.array is None or value.quantization is None:
        return writer.form(value, order)
    return _stored(writer, value, order, "kernel")


def biases(writer: GraphWriter, name: str | None, channels: int, times: int = 1) -> list[str]:
    """The bias ``name``, ``times`` over, as the last of a layer's inputs; nothing where there is
    none.

    TensorFlow's converter stores a bias whose numbers are all the same as one number.
    """
    if name is None:
        return []
    value = writer.value(name)
    if value.array is not None and value.size < channels:
        array = np.broadcast_to(value.array.reshape(-1), channels)
        value = replace(value, shape=array.shape, array=array, forms={})
    if times > 1:
        array, found = np.tile(value.array, times), over_again(value.quantization, times)
        value = replace(value, shape=array.shape, array=array, quantization=found, forms={})
    if value.array is None or value.quantization is None:
        return [writer.form(value, as_is(value.rank))]
    return [_stored(writer, value, as_is(value.rank), "bias")]


def over_again(found: Quantization | None, times: int) -> Quantization | None:
    """The map of channels that are there ``times`` over, one after the other."""
    if found is None or found.scale.size == 1:
        return found
    scale, zero_point = (np.tile(numbers, times) for numbers in (found.scale, found.zero_point))
    return replace(found, scale=scale, zero_point=zero_point)


def _stored(writer: GraphWriter, value: Value, order: Order, role: str) -> str:
    """The integers of ``value`` and their DequantizeLinear, for the layer in hand alone."""
    builder, found = writer.builder, value.quantization
    if value.array.dtype not in INTEGERS or (found.zero_point != 0).any():
        return builder.constant(value.name, dequantized(value).transpose(order))
    base = f"{builder.scope}:{role}"
    scale = found.scale if found.scale.size > 1 else found.scale.reshape(())
    array = value.array.transpose(order)
    inputs = [builder.constant(f"{base}{INTEGERS[array.dtype]}", array)]
    inputs.append(builder.constant(f"{base}{SCALE}", scale))
    if array.dtype == np.int8:
        # One for each scale, and none shared: without, ONNX Runtime up to 1.27 refuses a Gemm's
        # channels, and later ones do where they are told to multiply without overflow.
        zeros = np.zeros(scale.shape, np.int8)
        inputs.append(builder.constant(f"{base}{ZERO_POINT}", zeros))
    axis = order.index(found.axis) if scale.ndim else 0
    return builder.node("DequantizeLinear", inputs, base, axis=axis)


def layer_input(writer: GraphWriter, value: Value, order: Order, weights: Value) -> str:
    """The real numbers of ``value``, in ``order``, for a layer with those ``weights``.

    ONNX Runtime's optimizer takes a float layer between a DequantizeLinear and a QuantizeLinear
    for one whose weights somebody forgot, and quantizes them with one scale for all channels. It
    does so only where the input has a single scale. So a float layer reads integers through a
    DequantizeLinear of its own that has a scale for each channel, all of them the same: equal
    values, another shape.
    """
    builder, real = writer.builder, writer.form(value, order)
    if weights.quantization is not None or real not in builder.integers_of or value.rank < 2:
        return real
    stored, *affine = builder.integers_of[real]
    label, channels = f"{builder.scope}:input", value.shape[order[1]]
    each = [np.full(channels, builder.constants[name]) for name in affine]
    names = map(builder.constant, (f"{label}{SCALE}", f"{label}{ZERO_POINT}"), each)
    return builder.node("DequantizeLinear", [stored, *names], label, axis=1)
