"""Windows that slide over an image: their padding, as TFLite counts it."""

from export.onnx.axis_order import Shape
from export.onnx.tflite_operator import Operator
from export.onnx.value import Padding

SAME = 0  # the schema's number
NO_PADDING = ((0, 0), (0, 0))


def strides(operator: Operator) -> list[int]:
    return [operator.option("strideH", 1), operator.option("strideW", 1)]


def dilations(operator: Operator) -> list[int]:
    return [operator.option("dilationHFactor", 1), operator.option("dilationWFactor", 1)]


def pads(operator: Operator, size: Shape, window: Shape) -> Padding:
    """What SAME puts before and after the height and the width of an image of ``size``."""
    if operator.option("padding") != SAME:
        return NO_PADDING
    found = []
    steps = zip(size, window, strides(operator), dilations(operator), strict=True)
    for length, width, stride, dilation in steps:
        reach = dilation * (width - 1) + 1
        whole = max(0, (-(-length // stride) - 1) * stride + reach - length)
        found.append((whole // 2, whole - whole // 2))
    return tuple(found)


def onnx_pads(padding: Padding) -> list[int]:
    """The ``pads`` of an ONNX operator: all that is before, then all that is after."""
    return [before for before, _ in padding] + [after for _, after in padding]
