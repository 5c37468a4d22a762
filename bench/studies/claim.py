"""Claims about shares: how many of so many, with an interval, beside the share that is wanted."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from bench.measurement.latency import Interval


@dataclass(frozen=True)
class Claim:
    """``count`` of ``of`` comparisons ended as ``name`` says, which is to be at least, or at most,
    the share ``wanted``; None: nothing is asked."""

    name: str
    count: int
    of: int
    wanted: float | None
    at_least: bool = True

    @property
    def holds(self) -> bool:
        share = self.count / self.of
        return self.wanted is None or (
            share >= self.wanted if self.at_least else share <= self.wanted
        )

    def __str__(self) -> str:
        low_high = wilson(self.count, self.of)
        word = "at least" if self.at_least else "at most"
        asked = "" if self.wanted is None else f"{word} {self.wanted:.0%}"
        return (
            f"{self.name:<58}{self.count:>6} of {self.of:<6}"
            f"[{low_high.low:>6.1%}, {low_high.high:>6.1%}]  {asked:<13}"
            + ("" if self.wanted is None else "holds" if self.holds else "DOES NOT HOLD")
        ).rstrip()


def wilson(count: int, of: int) -> Interval:
    """95 % interval of a share by Wilson (1927)."""
    z = NormalDist().inv_cdf(0.975)
    share, middle = count / of, (count + z * z / 2) / (of + z * z)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
