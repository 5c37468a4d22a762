"""A tensor of the TFLite graph on its way into an ONNX model."""

from dataclasses import dataclass, field

import numpy as np

from export.onnx.axis_order import Order, Shape
from quantize.graph.graph import Quantization

Padding = tuple[tuple[int, int], ...]  # zeros before and after each axis


@dataclass
class Value:
    """``forms``: names of ONNX values that hold it as real numbers, by the order of their axes.

    ``name`` is what further values that come of it are called after. ``array``: the stored numbers
    of a constant, of which forms are made when they are asked for. ``quantization``: where every
    form is read out of integers. ``source`` and ``padding``: of a tensor that is another one with
    zeros around it, of which nothing is written until something but a convolution reads it.
    ``origin``: of one that has the numbers of another in another shape.
    ``settled``: it is already after the fused activation and rounded.
    """

    name: str
    shape: Shape
    forms: dict[Order, str] = field(default_factory=dict)
    array: np.ndarray | None = None
    quantization: Quantization | None = None
    source: "Value | None" = None
    padding: Padding = ()
    origin: "Value | None" = None
    settled: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))


def same_map(a: Quantization | None, b: Quantization | None) -> bool:
    """True where integers of both stand for the same real numbers."""
    if a is None or b is None:
        return a is b
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
