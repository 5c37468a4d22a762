"""The range of real values that an integer tensor covers."""

from dataclasses import dataclass

from quantize.graph.graph import Quantization

LEVELS = 256  # of int8


@dataclass(frozen=True)
class Range:
    """From ``minimum`` to ``maximum``, in real values."""

    minimum: float
    maximum: float


def covered(affine: Quantization) -> Range:
    """The values that an int8 tensor with that map can have."""
    step, zero_point = float(affine.scale[0]), int(affine.zero_point[0])
    lowest = -LEVELS // 2 - zero_point
    return Range(lowest * step, (lowest + LEVELS - 1) * step)
