"""The ratio of medians measured at different times: its interval holds what it says."""

import numpy as np
import pytest
from history_records import timed

from bench.measurement import latency
from bench.measurement.latency import unpaired_ratio
from bench.measurement.result import Turn

TURNS = tuple(Turn(0.2 * turn, 20) for turn in range(20))


def measured(seed, median_ns=1e6):
    """Inferences with noise, and a drift that each turn has for itself."""
    noise = np.random.default_rng(seed)
    drift = np.repeat(noise.normal(0, 2e4, 20), 20)
    samples = median_ns + noise.normal(0, 3e4, 400) + drift
    return timed(samples.astype(int).tolist(), TURNS)


def test_resampled_medians_are_those_of_samples_written_out():
    samples = np.random.default_rng(3).normal(100, 5, 400)
    drawn = np.random.default_rng(0).multinomial(20, np.full(20, 1 / 20), latency.RESAMPLES)
    blocks = np.repeat(np.arange(20), 20)
    written_out = [np.sort(np.repeat(samples, counts[blocks]))[199] for counts in drawn]
    assert np.array_equal(latency._resampled_medians(samples, TURNS, 0), written_out)


def test_19_of_20_intervals_of_like_runs_hold_1():
    found = [unpaired_ratio(measured(2 * k), measured(2 * k + 1)).interval for k in range(200)]
    outside = sum(not interval.low <= 1 <= interval.high for interval in found)
    assert 2 <= outside <= 20  # 10 expected; samples drawn as if independent gave some 60


def test_a_true_ratio_is_found():
    found = unpaired_ratio(measured(1, 1.3e6), measured(2, 1e6))
    assert found.value == pytest.approx(1.3, rel=0.02)
    assert 1.2 < found.interval.low < 1.3 < found.interval.high < 1.4


@pytest.mark.parametrize("turns", [(), (Turn(0.0, 200_000),)])
def test_a_long_run_of_one_turn_has_a_narrow_interval_that_is_not_empty(turns):
    samples = np.random.default_rng(5).normal(1e6, 3e4, (2, 200_000)).astype(int)
    a, b = (timed(of_run.tolist(), turns) for of_run in samples)
    interval = unpaired_ratio(a, b).interval
    assert 1e-4 < interval.high - interval.low < 2e-3 and interval.low < 1 < interval.high


def test_more_turns_than_blocks_are_joined():
    turns = tuple(Turn(float(turn), 3) for turn in range(1000))
    blocks = latency._blocks(3000, turns)
    assert (np.diff(blocks) >= 0).all() and len(set(blocks)) == latency.MAX_BLOCKS
    of_turns = blocks.reshape(1000, 3)
    assert (of_turns == of_turns[:, :1]).all() and np.bincount(blocks).max() <= 9


def test_without_samples_there_is_no_ratio():
    with pytest.raises(ValueError, match="no samples"):
        unpaired_ratio(timed(()), measured(1))
