"""The range of real values that an integer tensor covers."""

from dataclasses import dataclass

LEVELS = 256  # of int8


@dataclass(frozen=True)
class Range:
    """From ``minimum`` to ``maximum``, in real values."""

    minimum: float
    maximum: float
