"""Numbers around a tensor, and batches made of blocks of an image."""

from dataclasses import replace

import numpy as np

from export.onnx.graph_writer import GraphWriter
from export.onnx.layouts import PADDED_ZERO
from export.onnx.tflite_operator import Operator
from export.onnx.value import Padding, Value, same_map

REFLECT = 0  # the schema's number of the mode that leaves the border itself out


def pad(operator: Operator, writer: GraphWriter) -> Value:
    """Zeros, which are written where something but a convolution reads them."""
    name, source = operator.outputs[0], writer.value(operator.inputs[0])
    padding = _amounts(operator, writer)
    is_float = writer.dtype(name) == np.float32
    if is_float and source.array is None and source.source is None:
        same = same_map(source.quantization, writer.graph.quantization(name))
        value = Value(
            name,
            writer.shape(name),
            quantization=source.quantization,
            source=source,
            padding=padding,
            settled=same,
        )
        return value if same else replace(value, quantization=None)
    zero = PADDED_ZERO if is_float else 0
    return _padded(operator, writer, padding, writer.builder.setting(zero, writer.dtype(name)))


def pad_with_value(operator: Operator, writer: GraphWriter) -> Value:
    number = writer.setting(operator, 2).item()
    dtype = writer.dtype(operator.inputs[0])
    number = PADDED_ZERO if number == 0 and dtype == np.float32 else number
    return _padded(
        operator, writer, _amounts(operator, writer), writer.builder.setting(number, dtype)
    )


def _padded(operator: Operator, writer: GraphWriter, padding: Padding, number: str) -> Value:
    real, order = writer.any_form(writer.value(operator.inputs[0]))
    amounts = [padding[axis][end] for end in (0, 1) for axis in order]
    made = writer.node("Pad", [real, writer.builder.setting(amounts), number])
    return writer.result(operator, made, order)


def mirror_pad(operator: Operator, writer: GraphWriter) -> Value:
    """The image mirrored: each axis as the indices that it repeats, which ONNX has no word for
    where the border is repeated too."""
    value, padding = writer.value(operator.inputs[0]), _amounts(operator, writer)
    real, order = writer.any_form(value)
    mode = "reflect" if operator.option("mode") == REFLECT else "symmetric"
    for axis, amounts in enumerate(padding):
        if any(amounts):
            indices = np.pad(np.arange(value.shape[axis]), amounts, mode)
            inputs = [real, writer.builder.setting(indices)]
            real = writer.node("Gather", inputs, axis=order.index(axis))
    return writer.result(operator, real, order)


def _amounts(operator: Operator, writer: GraphWriter) -> Padding:
    return tuple((int(before), int(after)) for before, after in writer.setting(operator, 1))


def space_to_batch(operator: Operator, writer: GraphWriter) -> Value:
    """Blocks of the padded image as more batches: each batch has one place of every block."""
    name, value = operator.outputs[0], writer.value(operator.inputs[0])
    blocks = [int(n) for n in writer.setting(operator, 1)]
    around = [tuple(map(int, pair)) for pair in writer.setting(operator, 2)]
    left = [(0, 0)] * (value.rank - 1 - len(blocks))
    padding = ((0, 0), *around, *left)
    batch, *sizes = (n + sum(p) for n, p in zip(value.shape, padding, strict=True))
    inner, rest = sizes[: len(blocks)], sizes[len(blocks) :]
    if any(map(any, padding)):
        padded = Value(f"{name}:padded", (batch, *sizes), source=value, padding=padding)
        value = replace(padded, quantization=value.quantization, settled=value.settled)
    split, count = [batch], len(blocks)
    for size, block in zip(inner, blocks, strict=True):
        split += [size // block, block]
    outside, inside = range(1, 1 + 2 * count, 2), range(2, 2 + 2 * count, 2)
    axes = (*inside, 0, *outside, *range(1 + 2 * count, 1 + 2 * count + len(rest)))
    apart = writer.reshaped(value, (*split, *rest), f"{name}:blocks")
    together = writer.layouts.transposed(apart, axes, f"{name}:blocks")
    return writer.reshaped(together, writer.shape(name), name)


def batch_to_space(operator: Operator, writer: GraphWriter) -> Value:
    """The reverse of ``space_to_batch``, with the borders cut off."""
    name, value = operator.outputs[0], writer.value(operator.inputs[0])
    blocks = [int(n) for n in writer.setting(operator, 1)]
    crops = [tuple(map(int, pair)) for pair in writer.setting(operator, 2)]
    count, (batches, *sizes) = len(blocks), value.shape
    batch = batches // int(np.prod(blocks))
    split = (*blocks, batch, *sizes)
    axes = [count]
    for i in range(count):
        axes += [count + 1 + i, i]
    axes += range(2 * count + 1, len(split))
    whole = (batch, *(n * b for n, b in zip(sizes, blocks, strict=False)), *sizes[count:])
    apart = writer.reshaped(value, split, f"{name}:blocks")
    together = writer.layouts.transposed(apart, tuple(axes), f"{name}:blocks")
    cuts = [(i + 1, before, whole[i + 1] - after) for i, (before, after) in enumerate(crops)]
    cuts = [cut for cut in cuts if cut[1:] != (0, whole[cut[0]])]
    if not cuts:
        return writer.reshaped(together, whole, name)
    real, order = writer.any_form(writer.reshaped(together, whole, f"{name}:whole"))
    settings = [[c[1] for c in cuts], [c[2] for c in cuts], [order.index(c[0]) for c in cuts]]
    made = writer.node("Slice", [real, *map(writer.builder.setting, settings)])
    return writer.result(operator, made, order)


FUNCTIONS = {
    "PAD": pad,
    "PADV2": pad_with_value,
    "MIRROR_PAD": mirror_pad,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
}
