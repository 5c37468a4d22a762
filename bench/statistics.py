"""Figures out of raw samples."""

from dataclasses import dataclass

import numpy as np

from bench.result import Turn


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Latency:
    """Figures of ``n`` warm inferences. Percentiles by linear interpolation; ``interval`` is of
    the median, by resampling whole turns, since inferences of one turn resemble each other;
    ``mad_ns`` is the median absolute deviation from the median."""

    median_ns: float
    interval: Interval
    p10_ns: float
    p90_ns: float
    p99_ns: float
    min_ns: int
    mad_ns: float
    n: int

    @property
    def precision(self) -> float:
        """Half the width of the interval as a share of the median."""
        return (self.interval.high - self.interval.low) / 2 / self.median_ns


@dataclass(frozen=True)
class Ratio:
    """The median of one artifact over that of another, measured in turns."""

    value: float
    interval: Interval
