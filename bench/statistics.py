"""Figures out of raw samples."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Median and 90th percentile of ``n`` warm inferences (percentiles by linear interpolation)."""

    median_ns: float
    p90_ns: float
    n: int


def latency(samples_ns: tuple[int, ...]) -> Latency | None:
    """The figures of ``samples_ns``; None where there is no sample."""
    if not samples_ns:
        return None
    median, p90 = np.percentile(np.asarray(samples_ns, np.float64), (50, 90))
    return Latency(float(median), float(p90), len(samples_ns))
