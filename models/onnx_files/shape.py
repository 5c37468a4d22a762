"""Shapes and places of .onnx files: nothing is computed here, only moved."""

import numpy as np

from models.onnx_files.node import Node, UnsupportedNode, constant
from models.onnx_files.reduction import without
from models.onnx_files.value import Value


def identity(tf, node: Node) -> Value:
    """Identity, and Dropout outside of training."""
    return node.value(tf, 0)


def reshape(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    wanted = [int(size) for size in node.array(1, "shape")]
    if not node.get("allowzero", 0):
        wanted = [value.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    if -1 in wanted:
        rest = int(np.prod([size for size in wanted if size != -1]))
        wanted[wanted.index(-1)] = int(np.prod(value.shape)) // rest
    return value.reshaped(tf, wanted)


def flatten(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    axis = node.get("axis", 1)
    axis = axis % value.rank if axis < 0 else axis
    sizes = int(np.prod(value.shape[:axis])), int(np.prod(value.shape[axis:]))
    return value.reshaped(tf, sizes)


def transpose(tf, node: Node) -> Value:
    """Transpose: the axes are called otherwise, and nothing moves."""
    value = node.value(tf, 0)
    order = node.get("perm", list(range(value.rank))[::-1])
    return Value(value.tensor, tuple(order.index(axis) for axis in value.axes))


def squeeze(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    axes = node.setting(1, "axes")
    if axes is None:
        axes = [axis for axis, size in enumerate(value.shape) if size == 1]
    removed = {axis % value.rank for axis in np.atleast_1d(axes).tolist()}
    return value.reshaped(tf, [n for axis, n in enumerate(value.shape) if axis not in removed])


def unsqueeze(tf, node: Node) -> Value:
    value = node.value(tf, 0)
    axes = np.atleast_1d(node.setting(1, "axes")).tolist()
    shape, rank = list(value.shape), value.rank + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        shape.insert(axis, 1)
    return value.reshaped(tf, shape)


def concat(tf, node: Node) -> Value:
    values = [node.value(tf, i) for i in range(len(node.inputs))]
    order = next(found.axes for found in node.inputs if isinstance(found, Value))
    place = order.index(node.get("axis") % len(order))
    return Value(tf.concat([value.ordered(tf, order) for value in values], place), order)


def split(tf, node: Node) -> list[Value]:
    value = node.value(tf, 0)
    axis = node.get("axis", 0) % value.rank
    sizes = node.setting(1, "split")
    if sizes is None:
        size = -(-value.shape[axis] // node.get("num_outputs", node.outputs))
        sizes = [size] * (node.outputs - 1)
        sizes.append(value.shape[axis] - sum(sizes))
    return [value.like(part) for part in tf.split(value.tensor, sizes, value.place(axis))]


def slices(tf, node: Node) -> Value:
    """Slice: starts and ends past the borders end there."""
    value = node.value(tf, 0)
    starts, ends = node.setting(1, "starts"), node.setting(2, "ends")
    axes = node.setting(3, "axes", list(range(len(starts))))
    steps = node.setting(4, "steps", [1] * len(starts))
    chosen = [slice(None)] * value.rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = value.shape[axis]
        first, last, step = slice(start, end, step).indices(size)
        # -1 as an end is the last pixel to TensorFlow: before the first one there is None.
        chosen[value.place(axis)] = slice(first, None if last < 0 else last, step)
    return value.like(value.tensor[tuple(chosen)])


def gather(tf, node: Node) -> Value:
    """Gather of constant indices along an axis; a single one takes the axis away."""
    value, indices = node.value(tf, 0), node.array(1, "indices")
    axis = node.get("axis", 0) % value.rank
    size, place = value.shape[axis], value.place(axis)
    indices = np.where(indices < 0, indices + size, indices)
    if indices.ndim > 1:
        raise UnsupportedNode(f"has indices of shape {list(indices.shape)}; expected one or a list")
    if indices.ndim == 0:
        chosen = [slice(None)] * value.rank
        chosen[place] = int(indices)
        return Value(value.tensor[tuple(chosen)], without(value.axes, [axis]))
    return value.like(tf.gather(value.tensor, constant(tf, indices.astype(np.int32)), axis=place))


def pad(tf, node: Node) -> Value:
    """Pad; negative pads cut off."""
    value = node.value(tf, 0)
    pads, mode = node.setting(1, "pads"), node.get("mode", "constant")
    axes = node.setting(3, "axes", list(range(value.rank)))
    before, after = [0] * value.rank, [0] * value.rank
    for n, axis in enumerate(axes):
        before[axis % value.rank], after[axis % value.rank] = pads[n], pads[n + len(axes)]
    paddings = [[max(before[a], 0), max(after[a], 0)] for a in value.axes]
    cut = tuple(slice(max(-before[a], 0), value.shape[a] - max(-after[a], 0)) for a in value.axes)
    tensor = value.tensor if min(pads) >= 0 else value.tensor[cut]
    if mode == "constant":
        filled = float(node.setting(2, "value", 0.0) or 0.0)
        return value.like(tf.pad(tensor, paddings, constant_values=filled))
    if mode == "reflect":
        return value.like(tf.pad(tensor, paddings, "REFLECT"))
    if mode == "edge" and max(max(pair) for pair in paddings) <= 1:
        return value.like(tf.pad(tensor, paddings, "SYMMETRIC"))
    raise UnsupportedNode(f"pads by {mode!r}; expected constant, reflect, or edge by 1")


def expand(tf, node: Node) -> Value:
    value, shape = node.value(tf, 0), node.array(1, "shape").tolist()
    shape = np.broadcast_shapes(tuple(shape), value.shape)
    value = value.reshaped(tf, (*[1] * (len(shape) - value.rank), *value.shape))
    if value.shape == shape:
        return value
    return value.like(tf.broadcast_to(value.tensor, [shape[axis] for axis in value.axes]))


def tile(tf, node: Node) -> Value:
    value, repeats = node.value(tf, 0), node.array(1, "repeats").tolist()
    return value.like(tf.tile(value.tensor, [repeats[axis] for axis in value.axes]))


def depth_to_space(tf, node: Node) -> Value:
    value, block = node.value(tf, 0).channels_last(tf), node.get("blocksize")
    if node.get("mode", "DCR") == "DCR":
        return value.like(tf.nn.depth_to_space(value.tensor, block))
    n, c, h, w = value.shape
    apart = value.reshaped(tf, (n, c // block**2, block, block, h, w))
    # Pixel shuffle: [n, c, block, block, h, w] becomes [n, c, h, block, w, block].
    tensor = apart.ordered(tf, (0, 4, 2, 5, 3, 1))
    tensor = tf.reshape(tensor, (n, h * block, w * block, c // block**2))
    return Value(tensor, (0, 2, 3, 1))


def space_to_depth(tf, node: Node) -> Value:
    value = node.value(tf, 0).channels_last(tf)
    return value.like(tf.nn.space_to_depth(value.tensor, node.get("blocksize")))


OPERATORS = {
    "Identity": identity,
    "Dropout": identity,
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Concat": concat,
    "Split": split,
    "Slice": slices,
    "Gather": gather,
    "Pad": pad,
    "Expand": expand,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
