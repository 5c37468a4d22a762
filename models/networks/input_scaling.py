"""The scaling of pixels that a model was made for, judged by what it computes from them itself.

One rule for every form of file: grey images go through all that comes ahead of the first layer with
a kernel (rescaling, normalization, channel swaps, batch norm, padding, resizing). What comes out is
pixel * slope + offset, and these two numbers tell which pixels the model was trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.networks.spec import Preprocess

RAW, UNIT, SIGNED = Preprocess(1.0, 0.0), Preprocess(1 / 255, 0.0), Preprocess()
RAW_LEVELS = (0.0, 64.0, 128.0, 192.0, 255.0)
UNIT_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
STRAIGHT = 1e-3  # of the largest value: how far values may lie from the line
# Pixels of 0 to 255 deviate by 40 to 80 and have a mean of 60 to 150; those of 0 to 1 and -1 to 1
# by 0.2 to 0.7 and a mean within 1. Between the two lies a factor of a hundred.
LARGEST_SLOPE_OF_RAW = 0.15
LARGEST_MEAN_OF_SCALED = 1.5
LEAST_SLOPE_OF_BYTES = 20.0  # the model makes bytes of what it is given, to scale them again


@dataclass(frozen=True)
class InputScaling:
    """The input of a network: pixel * scale + offset. ``reason`` says why, as the end of a sentence
    that begins with "since"; ``is_guess`` where the model itself does not tell.
    """

    preprocess: Preprocess
    reason: str
    is_guess: bool = False

    def __str__(self) -> str:
        return f"{line(self.preprocess.scale, self.preprocess.offset)}, since {self.reason}"

    def given(self, scale: float | None, offset: float | None) -> "InputScaling":
        """The same with what SCALE and OFFSET say, which always wins."""
        names = [
            name for name, value in (("SCALE", scale), ("OFFSET", offset)) if value is not None
        ]
        if not names:
            return self
        found = Preprocess(
            self.preprocess.scale if scale is None else scale,
            self.preprocess.offset if offset is None else offset,
        )
        if len(names) == 2:
            return InputScaling(found, "SCALE and OFFSET say so")
        other = "OFFSET" if scale is not None else "SCALE"
        reason = f"{names[0]} says so; {other} is not given: {self.reason}"
        return InputScaling(found, reason, self.is_guess)


def line(scale: float, offset: float, of: str = "pixel") -> str:
    """The map in words: ``pixel * 0.003922 + 0``."""
    return f"{of} * {scale:.4g} {'-' if offset < 0 else '+'} {abs(offset):.4g}"


def judge(ahead: Callable[[float], np.ndarray] | None) -> InputScaling:
    """The scaling that a model was made for.

    ``ahead``: the values that reach its first layer with a kernel, for an image whose every value
    is the one number given; None where there is no such layer.
    """
    found = None if ahead is None else _Line.through(ahead, RAW_LEVELS)
    if ahead is None or (found is not None and found.is_identity):
        return InputScaling(
            SIGNED,
            "the model does not scale its pixels itself and MobileNets are fed -1 to 1",
            is_guess=True,
        )
    if found is None:
        within = _Line.through(ahead, UNIT_LEVELS)
        if within is None or within.slope <= LARGEST_SLOPE_OF_RAW:
            return InputScaling(
                RAW, "the model itself changes its pixels ahead of its first layer", is_guess=True
            )
        found = within
    elif found.slope <= LARGEST_SLOPE_OF_RAW or abs(found.mean) > LARGEST_MEAN_OF_SCALED:
        return InputScaling(
            RAW,
            f"the model itself computes {found} ahead of its first layer, made for 0 to 255",
        )
    range_, preprocess = ("0 to 1", UNIT) if found.is_of_unit_range else ("-1 to 1", SIGNED)
    reason = f"the model itself computes {found} ahead of its first layer, made for {range_}"
    return InputScaling(preprocess, reason, is_guess=True)


@dataclass(frozen=True)
class _Line:
    """value * ``signed_slope`` + ``offset``, each the median over all that the first layer reads.
    ``mean``: the value that becomes 0."""

    signed_slope: float
    offset: float
    mean: float

    @classmethod
    def through(cls, ahead: Callable[[float], np.ndarray], levels: tuple) -> "_Line | None":
        """The line through what ``ahead`` makes of ``levels``; None where it is not straight."""
        values = np.stack([np.asarray(ahead(x), np.float64).ravel() for x in levels])
        first, steps = values[0], np.asarray(levels)[:, None] - levels[0]
        slope = (values[-1] - first) / steps[-1]
        if np.abs(values - (first + slope * steps)).max() > STRAIGHT * np.abs(values).max() + 1e-6:
            return None
        # Not what padding adds, nor dead channels, nor grey images normalized by themselves.
        alive = np.abs(slope * steps[-1]) > STRAIGHT
        if not alive.any():
            return None
        slope, offset = slope[alive], first[alive]
        return cls(
            float(np.median(slope)), float(np.median(offset)), float(np.median(-offset / slope))
        )

    @property
    def slope(self) -> float:
        return abs(self.signed_slope)

    @property
    def is_identity(self) -> bool:
        return abs(self.signed_slope - 1) < STRAIGHT and abs(self.offset) < STRAIGHT

    @property
    def is_of_unit_range(self) -> bool:
        """True where values of 0 to 1 fit better than those of -1 to 1."""
        if self.slope >= LEAST_SLOPE_OF_BYTES:
            return 255 / self.slope < 1.5
        return (self.slope >= 1.5 and self.mean >= 0.25) or (self.slope >= 2.5 and self.mean > 0.05)

    def __str__(self) -> str:
        return line(self.signed_slope, self.offset, "x")
