"""Figures out of raw samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.result import Result, Turn
from bench.runner import interval_rank


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


RESAMPLES = 1000
MIN_TURNS = 6  # fewer cannot be resampled
KEPT_PER_TURN = 200  # samples that resampling looks at; the median itself is of all


def latency(samples_ns: Sequence[int], turns: Sequence[Turn]) -> Latency | None:
    """The figures of ``samples_ns``; None where there is no sample.

    The interval is a bootstrap of whole turns (block bootstrap, Künsch 1989); with fewer than 6 of
    them that of the sign test on the samples, and the whole range where those are too few as well.
    """
    if not samples_ns:
        return None
    samples = np.asarray(samples_ns, np.float64)
    p10, median, p90, p99 = np.percentile(samples, (10, 50, 90, 99))
    return Latency(
        median_ns=float(median),
        interval=_interval(samples, turns, float(median)),
        p10_ns=float(p10),
        p90_ns=float(p90),
        p99_ns=float(p99),
        min_ns=int(samples.min()),
        mad_ns=float(np.median(np.abs(samples - median))),
        n=len(samples),
    )


def ratio(a: Result, b: Result) -> Ratio | None:
    """The median of ``a`` over that of ``b``, which took turns; None where either has no sample.

    Turn k of both is resampled together: what slowed both down leaves the ratio as it is.
    """
    if not a.samples_ns or not b.samples_ns:
        return None
    both = min(len(a.turns), len(b.turns))
    ours, theirs = (_blocks(result, both) for result in (a, b))
    value = float(np.median(np.concatenate(ours)) / np.median(np.concatenate(theirs)))
    if both < MIN_TURNS:
        first, second = (latency(result.samples_ns, ()).interval for result in (a, b))
        return Ratio(value, Interval(first.low / second.high, first.high / second.low))
    chosen = _resampled(both)
    ratios = _medians(ours, chosen) / _medians(theirs, chosen)
    return Ratio(value, Interval(*_around(value, ratios)))


def _interval(samples: np.ndarray, turns: Sequence[Turn], median: float) -> Interval:
    if len(turns) >= MIN_TURNS:
        blocks = np.split(samples, np.cumsum([turn.samples for turn in turns])[:-1])
        return Interval(*_around(median, _medians(blocks, _resampled(len(blocks)))))
    ordered, rank = np.sort(samples), interval_rank(len(samples)) or 0
    return Interval(float(ordered[rank]), float(ordered[-1 - rank]))


def _blocks(result: Result, count: int) -> list[np.ndarray]:
    """The samples of the first ``count`` turns, turn by turn."""
    edges = np.cumsum([turn.samples for turn in result.turns[:count]])
    return np.split(np.asarray(result.samples_ns[: edges[-1]], np.float64), edges[:-1])


def _resampled(turns: int) -> np.ndarray:
    """How often each turn is in each resample, int64 [RESAMPLES, turns]; always the same."""
    random = np.random.default_rng(0)
    return random.multinomial(turns, np.full(turns, 1 / turns), RESAMPLES)


def _medians(blocks: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """The median of all samples in each resample, float64 [RESAMPLES]."""
    kept = [block[:: max(1, len(block) // KEPT_PER_TURN)] for block in blocks]
    weight = np.concatenate(
        [np.full(len(k), len(b) / len(k)) for k, b in zip(kept, blocks, strict=True)]
    )
    turn = np.repeat(np.arange(len(kept)), [len(k) for k in kept])
    values = np.concatenate(kept)
    order = np.argsort(values)
    values, turn, weight = values[order], turn[order], weight[order]
    found = np.empty(len(chosen))
    for i, counts in enumerate(chosen):
        share = np.cumsum(counts[turn] * weight)
        found[i] = values[np.searchsorted(share, share[-1] / 2)]
    return found


def _around(value: float, resampled: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of ``resampled``, widened to hold ``value`` itself."""
    low, high = np.percentile(resampled, (2.5, 97.5))
    return min(float(low), value), max(float(high), value)
