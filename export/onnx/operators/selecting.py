"""Parts of a tensor: slices, and indices that are looked up."""

from export.onnx import axis_order
from export.onnx.axis_order import as_is
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator, Unsupported
from export.onnx.value import Value

Cut = tuple[int, int, int]  # first index, the one after the last, and the step


def part(operator: Operator, writer: GraphWriter) -> Value:
    """SLICE: where it begins, and the size that the output has."""
    value = writer.value(operator.inputs[0])
    sizes = writer.shape(operator.outputs[0])
    begins = [int(n) for n in writer.setting(operator, 1)]
    cuts = {i: (b, b + n, 1) for i, (b, n) in enumerate(zip(begins, sizes, strict=True))}
    return _cut(operator, writer, value, cuts)


def strided_slice(operator: Operator, writer: GraphWriter) -> Value:
    """Python's slices, with numpy's newaxis, ellipsis and single indices as bits of masks."""
    value = writer.value(operator.inputs[0])
    return _cut(operator, writer, value, _cuts(operator, writer, value.shape))


def _cuts(operator: Operator, writer: GraphWriter, shape: axis_order.Shape) -> dict[int, Cut]:
    begins, ends, steps = (writer.setting(operator, i).tolist() for i in (1, 2, 3))

    def has(mask: str, i: int) -> bool:
        return bool(operator.option(mask) >> i & 1)

    found, axis = {}, 0
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if has("ellipsisMask", i):
            later = [j for j in range(i + 1, len(begins)) if not has("newAxisMask", j)]
            axis = len(shape) - len(later)
        elif not has("newAxisMask", i):
            if has("shrinkAxisMask", i):
                found[axis] = (begin % shape[axis], begin % shape[axis] + 1, 1)
            else:
                end = begin + end if operator.option("offset") else end
                first = None if has("beginMask", i) else begin
                last = None if has("endMask", i) else end
                found[axis] = slice(first, last, step).indices(shape[axis])
            axis += 1
    return found


def reverse(operator: Operator, writer: GraphWriter) -> Value:
    value = writer.value(operator.inputs[0])
    axes = [int(axis) % value.rank for axis in writer.setting(operator, 1).reshape(-1)]
    return _cut(operator, writer, value, {a: (value.shape[a] - 1, -1, -1) for a in axes})


def _cut(operator: Operator, writer: GraphWriter, value: Value, cuts: dict[int, Cut]) -> Value:
    """``value`` cut along its axes, in the shape that the output has."""
    name, sizes = operator.outputs[0], list(value.shape)
    real, order = writer.any_form(value)
    cuts = {axis: cut for axis, cut in cuts.items() if cut != (0, sizes[axis], 1)}
    for axis, cut in cuts.items():
        sizes[axis] = len(range(*cut))
    if cuts:
        # The index before the first is counted from the end, where -1 would be the last.
        ends = [
            stop if stop >= 0 else -1 - value.shape[axis] for axis, (_, stop, _) in cuts.items()
        ]
        settings = [
            [first for first, _, _ in cuts.values()],
            ends,
            [order.index(axis) for axis in cuts],
            [step for _, _, step in cuts.values()],
        ]
        real = writer.node("Slice", [real, *map(writer.builder.setting, settings)])
    else:
        real = writer.node("Identity", [real])
    return writer.reshaped(
        Value(f"{name}:part", tuple(sizes), {order: real}), writer.shape(name), name
    )


def gather(operator: Operator, writer: GraphWriter) -> Value:
    """Indices of one axis; the axes of the indices come in its place."""
    value, indices = (writer.value(name) for name in operator.inputs[:2])
    if operator.option("batchDims"):
        raise Unsupported("GATHER with batch dimensions")
    axis = operator.option("axis") % value.rank
    if indices.rank == 1 and value.array is None:
        real, order = writer.any_form(value)
        result = order
    else:
        order, result = as_is(value.rank), as_is(value.rank + indices.rank - 1)
        real = writer.form(value, order)
    chosen = writer.form(indices, as_is(indices.rank))
    made = writer.node("Gather", [real, chosen], axis=order.index(axis))
    return writer.result(operator, made, result)


def gather_nd(operator: Operator, writer: GraphWriter) -> Value:
    from onnx import TensorProto

    value, indices = (writer.value(name) for name in operator.inputs)
    chosen = writer.form(indices, as_is(indices.rank))
    chosen = writer.node("Cast", [chosen], to=TensorProto.INT64)
    made = writer.node("GatherND", [writer.form(value, as_is(value.rank)), chosen])
    return writer.result(operator, made, as_is(len(writer.shape(operator.outputs[0]))))


def one_hot(operator: Operator, writer: GraphWriter) -> Value:
    """Depth, on and off are settings; ONNX has the last two in one, off first."""
    from onnx import TensorProto

    indices = writer.value(operator.inputs[0])
    depth, on, off = (writer.setting(operator, place) for place in (1, 2, 3))
    places = writer.form(indices, as_is(indices.rank))
    made = writer.node(
        "OneHot",
        [
            writer.node("Cast", [places], to=TensorProto.INT64),
            writer.builder.setting([int(depth.item())]),
            writer.builder.setting([off.item(), on.item()], writer.dtype(operator.outputs[0])),
        ],
        axis=operator.option("axis"),
    )
    return writer.result(operator, made, as_is(indices.rank + 1))


FUNCTIONS = {
    "ONE_HOT": one_hot,
    "SLICE": part,
    "STRIDED_SLICE": strided_slice,
    "REVERSE_V2": reverse,
    "GATHER": gather,
    "GATHER_ND": gather_nd,
}
