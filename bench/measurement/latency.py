"""Figures out of raw samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.measurement.result import Result, Turn

RESAMPLES = 1000
MIN_TURNS = 6  # fewer say nothing about how turns differ
MIN_BLOCKS, MAX_BLOCKS = 20, 400
GRID = 1024


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


def latency(samples_ns: Sequence[int], turns: Sequence[Turn]) -> Latency | None:
    """The figures of ``samples_ns``; None where there is no sample.

    The interval is a block bootstrap (Künsch 1989), the blocks being turns.
    """
    if not samples_ns:
        return None
    samples = np.asarray(samples_ns, np.float64)
    p10, median, p90, p99 = map(float, np.percentile(samples, (10, 50, 90, 99)))
    low, high = map(float, np.percentile(_resampled_medians(samples, turns, 0), (2.5, 97.5)))
    mad = float(np.median(np.abs(samples - median)))
    return Latency(
        median, Interval(low, high), p10, p90, p99, min(samples_ns), mad, len(samples_ns)
    )


def ratio(a: Result, b: Result) -> Ratio | None:
    """The median of ``a`` over that of ``b``, which took turns; None where one has no sample.

    Turn k of both is drawn together: what slowed both down leaves their ratio as it is.
    """
    if not a.samples_ns or not b.samples_ns:
        return None
    both = min(len(a.turns), len(b.turns))
    return _ratio(_first_turns(a, both), _first_turns(b, both), seeds=(0, 0))


def unpaired_ratio(a: Result, b: Result) -> Ratio:
    """The median of ``a`` over that of ``b``, measured at different times: their samples are
    resampled apart. What the machine changed between the two is not in the interval.

    ValueError where one has no samples.
    """
    return _ratio((a.samples_ns, a.turns), (b.samples_ns, b.turns), seeds=(0, 1))


def _first_turns(result: Result, count: int) -> tuple[Sequence[int], Sequence[Turn]]:
    turns = result.turns[:count]
    return result.samples_ns[: sum(turn.samples for turn in turns)], turns


def _ratio(a, b, seeds: tuple[int, int]) -> Ratio:
    """Of (samples, turns) to (samples, turns); with equal seeds, equal turns are drawn."""
    medians_a, medians_b = (
        _resampled_medians(np.asarray(samples, np.float64), turns, seed)
        for (samples, turns), seed in zip((a, b), seeds, strict=True)
    )
    low, high = np.percentile(medians_a / medians_b, (2.5, 97.5))
    value = float(np.median(a[0]) / np.median(b[0]))
    return Ratio(value, Interval(float(low), float(high)))


def _resampled_medians(samples_ns: np.ndarray, turns: Sequence[Turn], seed: int) -> np.ndarray:
    """Medians, float64 [RESAMPLES], of as many blocks as there are, drawn with replacement.

    Where there are more samples than GRID, medians are looked for among that many quantiles.
    """
    if not len(samples_ns):
        raise ValueError("no samples to take a median of")
    blocks = _blocks(len(samples_ns), turns)
    n_blocks = int(blocks[-1]) + 1
    ordered = np.sort(samples_ns)
    n_grid = min(GRID, len(ordered))
    grid = ordered[np.linspace(0, len(ordered) - 1, n_grid).round().astype(np.int64)]
    place = np.searchsorted(grid, samples_ns)  # grid[place] is the first not below the sample
    counts = np.bincount(blocks * n_grid + place, minlength=n_blocks * n_grid)
    below = counts.reshape(n_blocks, n_grid).cumsum(axis=1)
    shares = np.full(n_blocks, 1 / n_blocks)
    drawn = np.random.default_rng(seed).multinomial(n_blocks, shares, RESAMPLES)
    half = drawn @ below[:, -1] / 2
    # The first place of the grid with half of the drawn samples at or below it, by bisection: to
    # count at every place for every draw would take most of the time of a list of runs.
    low, high = np.zeros(RESAMPLES, np.int64), np.full(RESAMPLES, n_grid - 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = np.einsum("rb,br->r", drawn, below[:, middle]) >= half
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return grid[low]


def _blocks(n: int, turns: Sequence[Turn]) -> np.ndarray:
    """The block of each of ``n`` samples, int64: turns, joined to MAX_BLOCKS where there are more;
    stretches of equal length where there are too few turns to draw from."""
    if len(turns) >= MIN_TURNS:
        of_turn = np.arange(len(turns)) * min(MAX_BLOCKS, len(turns)) // len(turns)
        return np.repeat(of_turn, [turn.samples for turn in turns])
    n_blocks = min(n, max(MIN_BLOCKS, min(math.isqrt(n), MAX_BLOCKS)))
    return np.arange(n) * n_blocks // n
