"""The drop of top-1 between two files, its interval, and how many images would tell."""

import numpy as np
import pytest

from bench.gates.paired import Paired, drop_interval, images_needed, paired


def test_predictions_are_counted_in_pairs():
    labels = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([0, 0, 1, 1, 0, 1])
    second = np.array([0, 1, 0, 1, 2, 0])
    assert paired(first, second, labels) == Paired(6, lost=2, gained=1, agreeing=2)
    assert paired(first, first, labels) == Paired(6, 0, 0, 6)


def test_unequal_lengths_and_no_images_are_refused():
    for first, labels in (([0], [0, 1]), ([], [])):
        with pytest.raises(ValueError):
            paired(np.array(first), np.array(first), np.array(labels))


def test_mcnemars_exact_p_value():
    """By hand: 16 flips, 12 one way; twice the lower tail of 4 of 16 at one half."""
    assert Paired(100, 12, 4, 84).p_value == pytest.approx(2 * 2517 / 2**16)
    assert Paired(100, 8, 8, 84).p_value == 1
    assert Paired(100, 0, 0, 100).p_value == 1
    assert Paired(10_000, 600, 400, 9000).p_value < 1e-9


def test_the_interval_is_symmetric_and_tangos():
    """No flips in n images: z^2 / (n + z^2) either way. 12 and 2 of 50: Newcombe (1998)."""
    none = drop_interval(30, 0, 0)
    assert none.high == pytest.approx(1.96**2 / (30 + 1.96**2), rel=1e-4) == -none.low
    found = drop_interval(50, 12, 2)
    assert (found.low, found.high) == pytest.approx((0.0611, 0.3447), abs=2e-4)
    other_way = drop_interval(50, 2, 12)
    assert (-other_way.high, -other_way.low) == pytest.approx((found.low, found.high))
    assert drop_interval(30, 30, 0).high == 1


@pytest.mark.parametrize(("lost", "gained"), [(0.01, 0.002), (0.002, 0.002), (0.2, 0.1)])
def test_the_interval_covers_the_true_drop_some_95_times_in_100(lost, gained):
    random = np.random.default_rng(3)
    counts = random.multinomial(1000, (lost, gained, 1 - lost - gained), 500)
    intervals = [drop_interval(1000, a, b) for a, b, _ in counts]
    covered = sum(i.low <= lost - gained <= i.high for i in intervals)
    assert 455 <= covered <= 495


def test_so_many_images_are_needed_to_tell():
    found = Paired(1000, 10, 8, 980)
    needed = images_needed(found, 0.01)
    assert needed > 1000
    times = needed / 1000
    assert drop_interval(needed, 10 * times, 8 * times).high < 0.01
    # Less would be too few in one case of five; half as many in far more.
    half = images_needed(found, 0.01) / 2000
    assert drop_interval(1000 * half, 10 * half, 8 * half).high > 0.009


def test_a_drop_at_the_limit_is_told_by_no_number_of_images():
    assert images_needed(Paired(1000, 15, 5, 980), 0.01) is None
    assert images_needed(Paired(1000, 15, 5, 980), 0.0101) is None  # some twenty million
    assert images_needed(Paired(1000, 15, 5, 980), 0.011) > 100_000
