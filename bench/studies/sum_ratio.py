"""The ratio of two sums over the same images in dB, with its interval.

By a bootstrap over the images (Efron and Tibshirani 1993, chapter 13): one drawn image gives both
sums their part, so what images have in common does not widen the interval.
"""

from dataclasses import dataclass

import numpy as np

from quantize.evaluate.judgement import decibels, resampled_log_sums

CONFIDENCE = 0.95
SMALLEST = np.finfo(np.float64).tiny  # in the place of a sum of nothing


@dataclass(frozen=True)
class SumRatio:
    """Ten times the logarithm of a ratio of sums, and its 95 % interval."""

    db: float
    low_db: float
    high_db: float

    @classmethod
    def of(cls, above: np.ndarray, below: np.ndarray) -> "SumRatio":
        """``above`` and ``below``: non-negative parts of each image, float64 [n]."""
        drawn = decibels(resampled_log_sums(above) - resampled_log_sums(below))
        low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        sums = np.maximum([above.sum(), below.sum()], SMALLEST)
        return cls(float(decibels(-np.diff(np.log(sums))[0])), float(low), float(high))

    @property
    def is_below_1(self) -> bool:
        """Beyond noise: all of the interval is."""
        return self.high_db < 0

    def __str__(self) -> str:
        return f"{self.db:+.2f} [{self.low_db:+.2f}, {self.high_db:+.2f}]"
