"""Windows that slide over an image: their padding, as TFLite counts it."""

from collections.abc import Sequence

from export.onnx.axis_order import Shape
from export.onnx.tflite_operator import Operator
from export.onnx.value import Padding

SAME = 0  # the schema's number
HW = ("H", "W")  # the axes that windows slide along, as the schema calls them


def strides(operator: Operator, axes: Sequence[str] = HW) -> list[int]:
    return [operator.option(f"stride{axis}", 1) for axis in axes]


def dilations(operator: Operator, axes: Sequence[str] = HW) -> list[int]:
    return [operator.option(f"dilation{axis}Factor", 1) for axis in axes]


def pads(operator: Operator, size: Shape, window: Shape, axes: Sequence[str] = HW) -> Padding:
    """The padding that SAME puts before and after each of the ``axes`` of an image of ``size``."""
    if operator.option("padding") != SAME:
        return tuple((0, 0) for _ in axes)
    found = []
    steps = zip(size, window, strides(operator, axes), dilations(operator, axes), strict=True)
    for length, width, stride, dilation in steps:
        reach = dilation * (width - 1) + 1
        whole = max(0, (-(-length // stride) - 1) * stride + reach - length)
        found.append((whole // 2, whole - whole // 2))
    return tuple(found)


def onnx_pads(padding: Padding) -> list[int]:
    """The ``pads`` of an ONNX operator: all that is before, then all that is after."""
    return [before for before, _ in padding] + [after for _, after in padding]
