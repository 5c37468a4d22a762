"""The distance of one layer's output from the other side's, also where one side keeps it scaled."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantize.evaluate.output_comparison import FLOOR_DB, decibels

CEILING_DB = 60.0  # nearer than that two layers are the same: float arithmetic, float16 weights
RESCALED_DB = 6.0  # gain of SQNR by which scaling is more than a better fit of noise
MIN_POSITIONS = 4  # values of a channel that a scale can be fitted to


@dataclass(frozen=True)
class LayerDrift:
    """One layer's output on side b against side a, on the same images.

    ``sqnr_db``: after side b is scaled by one factor a channel where ``rescaled`` is true
    (equalization keeps a layer's channels scaled, and the lowered h-swish all of them; the layers
    after it undo it), as it is otherwise; None where there is no noise at all. ``unscaled_db``: as
    it is in either case.
    ``largest_difference`` is of real values, not scaled; ``not_finite`` counts the values of either
    side that are NaN or infinite, and taken as 0. ``rounded``: a side keeps it as integers.
    ``reads``: places among the layers compared of those that it reads, directly or through others.
    ``drop_db``: what is lost since the worst of these; see ``bench/explain/divergence.py``.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    sqnr_db: float | None
    unscaled_db: float | None
    rescaled: bool
    largest_difference: float
    not_finite: int = 0
    rounded: bool = False
    reads: tuple[int, ...] = ()
    drop_db: float = 0.0

    @property
    def capped_db(self) -> float:
        return CEILING_DB if self.sqnr_db is None else min(self.sqnr_db, CEILING_DB)


def compared(
    layer: str, kind: str, a: np.ndarray, b: np.ndarray, scalable: bool = True
) -> LayerDrift:
    """The drift of ``b`` from ``a``, both real values [n, ..., channels].

    ``scalable``: whether one side may keep the layer scaled; the input and the output may not be.
    ValueError where shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"{layer} is {a.shape} on one side and {b.shape} on the other")
    sums = _Sums(a.shape[-1])
    for one, other in _images(a, b):
        sums.add(one, other)
    unscaled_db = sqnr_db = FLOOR_DB if sums.not_finite else decibels(sums.signal, sums.noise)
    rescaled = False
    if (
        scalable
        and not sums.not_finite
        and sqnr_db is not None
        and a.size // a.shape[-1] >= MIN_POSITIONS
    ):
        fitted = decibels(sums.signal, _fitted_noise(a, b, sums.scale))
        best = CEILING_DB if fitted is None else fitted
        rescaled = best - sqnr_db > RESCALED_DB
        sqnr_db = fitted if rescaled else sqnr_db
    return LayerDrift(
        layer,
        kind,
        tuple(a.shape[1:]),
        sqnr_db,
        unscaled_db,
        rescaled,
        sums.largest,
        sums.not_finite,
    )


def _images(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Image by image, float64 [positions, channels]."""
    for one, other in zip(a, b, strict=True):
        yield tuple(x.reshape(-1, a.shape[-1]).astype(np.float64) for x in (one, other))


class _Sums:
    """The sums of one pass over both sides."""

    def __init__(self, channels: int) -> None:
        self.signal = self.noise = self.largest = 0.0
        self.not_finite = 0
        self._found, self._product = np.zeros(channels), np.zeros(channels)

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        self.not_finite += int((~np.isfinite(a) | ~np.isfinite(b)).sum())
        a, b = _finite(a), _finite(b)
        noise = b - a
        self.signal += float(np.vdot(a, a))
        self.noise += float(np.vdot(noise, noise))
        self.largest = max(self.largest, float(np.abs(noise).max(initial=0.0)))
        self._found += np.sum(b * b, axis=0)
        self._product += np.sum(a * b, axis=0)

    @property
    def scale(self) -> np.ndarray:
        """Of each channel of b, the factor that brings it closest to a; never negative.

        It scales b and not a, so that a channel which is dead on side b alone stays noise.
        """
        known = self._found > 0
        return np.maximum(np.where(known, self._product, 0) / np.where(known, self._found, 1), 0)


def _fitted_noise(a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> float:
    noise = 0.0
    for one, other in _images(a, b):
        left = _finite(other) * scale - _finite(one)
        noise += float(np.vdot(left, left))
    return noise


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, 0.0)
