"""A row that is broadcast over an image of integers, such as a gate: repeated for its width first.

ONNX Runtime computes such an image channels last, one run after the other of numbers that lie side
by side in both inputs. With one number for each channel a run is a single place of the image, and
what a run costs is more than its numbers; repeated along the width, it is a line of places.
"""

from export.onnx.axis_order import Order, Shape, stored_shape
from export.onnx.graph_writer import GraphWriter
from export.onnx.tflite_operator import Operator
from export.onnx.value import Value

FEWEST_PLACES = 256  # of an image: below, the repeating takes as long as it saves


def repeated(operator: Operator, writer: GraphWriter, reals: list[str], order: Order) -> list[str]:
    """``reals``, the inputs of ``operator`` in ``order``, with rows as long as a line is."""
    name, shape = operator.outputs[0], writer.shape(operator.outputs[0])
    if len(shape) != 4 or shape[1] * shape[2] < FEWEST_PLACES:
        return reals
    if writer.graph.quantization(name) is None:
        return reals
    target = writer.builder.setting(stored_shape((1, 1, *shape[2:]), order))
    values = map(writer.value, operator.inputs)
    return [
        _repeated(writer, value, real, target) if _is_row(value, shape) else real
        for value, real in zip(values, reals, strict=True)
    ]


def _is_row(value: Value, shape: Shape) -> bool:
    if value.array is not None or value.quantization is None:
        return False
    return value.size == value.shape[-1] == shape[3] > 1


def _repeated(writer: GraphWriter, value: Value, real: str, target: str) -> str:
    made = writer.node("Expand", [real, target])
    return writer.builder.pair(made, value.quantization, made)
