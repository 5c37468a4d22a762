"""Medians and ratios with intervals that are as wide as they should be."""

import numpy as np
import pytest
from made_records import result

from bench.measurement.latency import latency, ratio, unpaired_ratio
from bench.on_device.stop_rule import interval_rank


def turns_of(noise, count, drift=0.0, spread=0.05, median=1e6, samples=20):
    """``count`` turns; ``drift`` is the deviation that all samples of a turn share."""
    return [
        [
            int(ns)
            for ns in median * np.exp(noise.normal(0, drift) + noise.normal(0, spread, samples))
        ]
        for _ in range(count)
    ]


def test_the_figures_are_numpys():
    found = result([[5, 4], [6, 100, 1]])
    made = latency(found.samples_ns, found.turns)
    assert made.median_ns == 5 and made.n == 5 and made.min_ns == 1
    assert made.p10_ns == pytest.approx(np.percentile([5, 4, 6, 100, 1], 10))
    assert made.p90_ns == pytest.approx(np.percentile([5, 4, 6, 100, 1], 90))
    assert made.p99_ns == pytest.approx(np.percentile([5, 4, 6, 100, 1], 99))
    assert made.mad_ns == 1  # of 0, 1, 1, 95, 4
    assert made.interval.low <= 5 <= made.interval.high
    assert latency((), ()) is None


def covered(measure, truth, drift, trials=200):
    """Number of intervals that hold the truth."""
    hits = 0
    for seed in range(trials):
        interval = measure(np.random.default_rng(seed), drift)
        hits += interval.low <= truth <= interval.high
    return hits / trials


def of_one(noise, drift):
    found = result(turns_of(noise, 40, drift))
    return latency(found.samples_ns, found.turns).interval


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_the_interval_of_the_median_holds_it_19_times_in_20(drift):
    assert covered(of_one, 1e6, drift) >= 0.89


def test_samples_of_one_turn_resemble_each_other_and_the_interval_knows():
    """Taken for independent, 800 samples would claim to know the median three times as well."""
    found = result(turns_of(np.random.default_rng(1), 40, drift=0.1))
    by_turns = latency(found.samples_ns, found.turns).precision
    in_one_turn = latency(found.samples_ns, ()).precision
    assert by_turns > 0.02 and by_turns > 0.8 * in_one_turn


def beside(noise, drift):
    """Two files whose turns share the machine's drift; the second takes 1.1 times as long."""
    shared = np.exp(noise.normal(0, drift, 40))
    a, b = (
        [[int(1e6 * times * s * np.exp(x)) for x in noise.normal(0, 0.05, 20)] for s in shared]
        for times in (1.0, 1.1)
    )
    return result(b), result(a)


def test_the_ratio_of_neighbours_is_exact_where_the_machine_is_not():
    """Each median alone is off by some 5 %; the ratio is known to 1 %."""
    pair = beside(np.random.default_rng(3), drift=0.3)
    found, apart = ratio(*pair), unpaired_ratio(*pair)
    assert found.value == pytest.approx(1.1, abs=0.02)
    assert found.interval.high - found.interval.low < 0.05
    assert apart.interval.high - apart.interval.low > 3 * (found.interval.high - found.interval.low)


def test_the_interval_of_a_ratio_holds_it_19_times_in_20():
    def measure(noise, drift):
        return ratio(*beside(noise, drift)).interval

    assert covered(measure, 1.1, 0.2) >= 0.89


def test_only_turns_that_both_had_are_compared():
    slow_end = [[100, 100]] * 10 + [[900, 900]] * 10
    found = ratio(result(slow_end), result([[100, 100]] * 10))
    assert found.value == 1 and found.interval.low == found.interval.high == 1


def test_without_samples_there_is_no_ratio():
    assert ratio(result([]), result([[1]])) is None and ratio(result([[1]]), result([])) is None


@pytest.mark.parametrize(("n", "rank"), [(1, None), (5, None), (6, 0), (9, 1), (20, 5), (100, 39)])
def test_the_stop_rules_order_statistics_are_those_of_the_tables(n, rank):
    """Ranks of the sign test's 95 % interval, as in Conover's table, counted from 0."""
    assert interval_rank(n) == rank


def test_the_normal_approximation_meets_the_exact_ranks():
    assert abs(interval_rank(1000) - interval_rank(999)) <= 1
