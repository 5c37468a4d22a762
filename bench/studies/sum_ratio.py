"""The ratio of two sums over the same images in dB, with its interval.

By a bootstrap over the images (Efron and Tibshirani 1993, chapter 13): one drawn image gives both
sums their part, so what images have in common does not widen the interval.
"""

from dataclasses import dataclass

import numpy as np

RESAMPLES, SEED = 2000, 0
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
        images = len(above)
        rng = np.random.default_rng(SEED)
        drawn = rng.multinomial(images, np.full(images, 1 / images), RESAMPLES)
        ends = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
        low, high = np.quantile(_db(drawn @ above, drawn @ below), ends)
        return cls(float(_db(above.sum(), below.sum())), float(low), float(high))

    @property
    def is_below_1(self) -> bool:
        """Beyond noise: all of the interval is."""
        return self.high_db < 0

    def __str__(self) -> str:
        return f"{self.db:+.2f} [{self.low_db:+.2f}, {self.high_db:+.2f}]"


def _db(above, below):
    return 10 * np.log10(np.maximum(above, SMALLEST) / np.maximum(below, SMALLEST))
