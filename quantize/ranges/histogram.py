"""Counts of an activation's values: bounded memory however many images stream by."""

from dataclasses import dataclass

import numpy as np

BINS = 4096


@dataclass(frozen=True)
class Histogram:
    """``counts`` int64 [BINS], or weights float64, of equal bins over [-2**exponent, 2**exponent].

    Spans are powers of two, so that widening one merges whole bins: the result does not depend on
    the order in which values came, nor on how they were shared out among threads.
    """

    exponent: int
    counts: np.ndarray

    @property
    def width(self) -> float:
        """Width of a bin."""
        return 2.0 ** (self.exponent + 1) / BINS

    @property
    def centers(self) -> np.ndarray:
        """The middle of each bin, float64 [BINS]."""
        return (np.arange(BINS) + 0.5) * self.width - 2.0**self.exponent

    def __add__(self, other: "Histogram") -> "Histogram":
        exponent = max(self.exponent, other.exponent)
        return Histogram(exponent, self._widened(exponent) + other._widened(exponent))

    def mixed(self, other: "Histogram", share: float) -> "Histogram":
        """The shares of ``other`` and ``share`` times those of this one, float64, over one span."""
        exponent = max(self.exponent, other.exponent)
        ours, theirs = (h._widened(exponent).astype(np.float64) for h in (self, other))
        return Histogram(exponent, theirs / theirs.sum() + share * ours / ours.sum())

    def _widened(self, exponent: int) -> np.ndarray:
        counts = self.counts
        for _ in range(min(exponent - self.exponent, BINS.bit_length())):
            middle = counts.reshape(-1, 2).sum(axis=1)
            counts = np.pad(middle, BINS // 4)
        return counts


def count(values: np.ndarray) -> Histogram:
    """The histogram of finite float values of any shape; at least one."""
    peak = float(np.abs(values).max())
    # frexp gives peak = m * 2**e with m < 1; below float32's normal range nothing is told apart.
    exponent = max(int(np.frexp(peak)[1]), -126) if peak else -126
    places = ((values.ravel() * np.float32(2.0**-exponent) + 1) * (BINS // 2)).astype(np.int64)
    return Histogram(exponent, np.bincount(np.minimum(places, BINS - 1), minlength=BINS))
