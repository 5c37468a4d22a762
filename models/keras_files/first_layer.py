"""The values that a model computes from its pixels ahead of its first layer with a kernel."""

from collections.abc import Callable

import numpy as np

KERNEL_OPS = (
    "Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D", "MatMul", "BatchMatMulV2",
    "Einsum", "While", "StatelessWhile", "Enter", "TensorListFromTensor",
)  # fmt: skip
SHAPE_OPS = ("Shape", "ShapeN", "Size", "Rank")  # what is made of these touches no pixel


def values_ahead(function) -> Callable[[float], np.ndarray] | None:
    """The values that reach the first layer with a kernel, for an image that is one grey level.

    ``function``: a frozen function of one image. None where no such layer reads the image.
    """
    import tensorflow as tf

    (image,) = function.inputs
    tensor = _first_kernel_input(image)
    if tensor is None:
        return None
    if tensor is image:
        return lambda level: np.full(image.shape, level, np.float32)
    pruned = function.prune([image], [tensor])

    def ahead(level: float) -> np.ndarray:
        (found,) = pruned(tf.constant(level, image.dtype, image.shape))
        return np.asarray(found)

    return ahead


def _first_kernel_input(image):
    """The tensor that the nearest such layer reads, by the number of operators on the way."""
    ahead, seen = [image], {image.name}
    while ahead:
        tensor = ahead.pop(0)
        for operator in tensor.consumers():
            if operator.type in KERNEL_OPS:
                return tensor
            if operator.type not in SHAPE_OPS:
                found = [output for output in operator.outputs if output.name not in seen]
                ahead += found
                seen |= {output.name for output in found}
    return None


def resizings(tensor) -> list[tuple[int, int]]:
    """Heights and widths that images are resized to between the input ``tensor`` of a frozen graph
    and its first layer with a kernel, the nearest to the input first."""
    import tensorflow as tf

    found, seen, ahead = [], set(), [tensor]
    while ahead:
        for operator in ahead.pop(0).consumers():
            if operator.name in seen or operator.type in KERNEL_OPS:
                continue
            seen.add(operator.name)
            ahead += operator.outputs
            if operator.type.startswith("Resize") or operator.type == "ScaleAndTranslate":
                size = tf.get_static_value(operator.inputs[1])
                if size is not None:
                    found.append(tuple(map(int, size)))
    return found
