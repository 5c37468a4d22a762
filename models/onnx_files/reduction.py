"""Reductions of .onnx files."""

import numpy as np

from models.onnx_files.node import Node
from models.onnx_files.value import Value


def _reduce(name: str, before: str = "identity", after: str = "identity"):
    """``after`` of the reduction ``name`` of ``before``, all by TensorFlow's names."""

    def compute(tf, node: Node) -> Value:
        value = node.value(tf, 0)
        axes = node.setting(1, "axes")
        if axes is None:
            if node.get("noop_with_empty_axes", 0):
                return value
            axes = range(value.rank)
        axes = sorted(axis % value.rank for axis in np.atleast_1d(axes).tolist())
        places = [value.place(axis) for axis in axes]
        kept = bool(node.get("keepdims", 1))
        tensor = getattr(tf, before)(value.tensor)
        tensor = getattr(tf, after)(getattr(tf, name)(tensor, places, keepdims=kept))
        return value.like(tensor) if kept else Value(tensor, without(value.axes, axes))

    return compute


def without(axes: tuple[int, ...], removed: list[int]) -> tuple[int, ...]:
    """The order of the axes that are left, by their new numbers."""
    left = [axis for axis in axes if axis not in removed]
    return tuple(sorted(left).index(axis) for axis in left)


def _arg(name: str):
    def compute(tf, node: Node) -> Value:
        value = node.value(tf, 0)
        axis = node.get("axis", 0) % value.rank
        found = getattr(tf, name)(value.tensor, value.place(axis), output_type=tf.int32)
        made = Value(found, without(value.axes, [axis]))
        if not node.get("keepdims", 1):
            return made
        shape = list(value.shape)
        shape[axis] = 1
        return made.reshaped(tf, shape)

    return compute


OPERATORS = {
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceSum": _reduce("reduce_sum"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceMin": _reduce("reduce_min"),
    "ReduceProd": _reduce("reduce_prod"),
    "ReduceL1": _reduce("reduce_sum", before="abs"),
    "ReduceL2": _reduce("reduce_sum", before="square", after="sqrt"),
    "ReduceSumSquare": _reduce("reduce_sum", before="square"),
    "ArgMax": _arg("argmax"),
    "ArgMin": _arg("argmin"),
}
