"""The gate of latency: noise floors, and what is slower than they allow."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_records import result, timed_record

from bench.gates.baseline import Baseline, read_baselines
from bench.gates.latency_gate import (
    Compared,
    differing,
    is_slower,
    looks_slower,
    not_comparable,
    verdict_on,
)
from bench.gates.limits import Limits
from bench.gates.next_steps import NextSteps
from bench.gates.noise import (
    Noise,
    change_in_turns,
    joined,
    noise_between_rounds,
    noise_in_turns,
    student_quantile,
    turn_medians,
)
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, SKIPPED

NEXT = NextSteps("make baseline ARCH=v1", "make baseline PLAN=thorough", "make gate PLAN=thorough")
LIMITS = Limits(max_slowdown_percent=5, min_slowdown_ms=0.01)


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    [(0.99, 1, 31.8205), (0.99, 4, 3.74695), (0.99, 9, 2.82144), (0.975, 30, 2.04227)],
)
def test_students_quantiles_are_those_of_the_tables(probability, degrees, value):
    assert student_quantile(probability, degrees) == pytest.approx(value, rel=1e-5)


def test_one_equal_file_in_a_hundred_is_beyond_the_floor():
    random = np.random.default_rng(5)
    for rounds, number in ((1, 6_000), (3, 6_000)):
        beyond = 0
        for changes in random.normal(0, 0.03, (number, 7 + rounds)):
            floor = noise_in_turns(changes[:7]).floor(rounds)
            beyond += np.median(changes[7:]) > floor
        assert beyond / number == pytest.approx(0.01, abs=0.004)


def test_the_floor_between_rounds_has_the_baselines_own_error_in_it():
    random = np.random.default_rng(6)
    medians = np.exp(random.normal(0, 0.03, (6_000, 8)))
    beyond = 0
    for verdict in medians:
        change = math.log(verdict[7] / np.median(verdict[:7]))
        beyond += change > noise_between_rounds(verdict[:7]).floor(1)
    assert beyond / 6_000 == pytest.approx(0.01, abs=0.004)


def test_a_change_in_turns_is_not_that_of_the_machine():
    """A machine three times as slow in every other turn, and more often so for one of the two."""
    speeds = np.where(np.arange(40) % 2, 300, 100)
    old = result([[s] * (9 if s > 100 else 1) for s in speeds])
    new = result([[1.1 * s] * (1 if s > 100 else 9) for s in speeds])
    assert change_in_turns(new, old) == pytest.approx(math.log(1.1))
    assert turn_medians(result([[1, 2, 9], [4]])) == [2, 4]


def test_joined_sessions_have_the_turns_of_both():
    both = joined(result([[1, 2], [3]]), result([[4], [5, 6]]))
    assert turn_medians(both) == [1.5, 3, 4, 5.5]


def compared(changes, deviation=0.001, reference_ms=1.0):
    return Compared(changes, reference_ms * 1e6, Noise(deviation, 7))


def test_slower_means_beyond_the_limit_the_noise_and_what_matters():
    slow = (math.log(1.1),) * 3
    assert is_slower(compared(slow), LIMITS)
    assert not is_slower(compared((math.log(1.04),) * 3), LIMITS)
    assert not is_slower(compared(slow, deviation=0.1), LIMITS)
    assert not is_slower(compared(slow, reference_ms=0.05), LIMITS)  # 5 us slower
    assert not is_slower(compared((math.log(1.1), 0.0, 0.01)), LIMITS)  # the median counts


def test_what_is_beyond_half_the_limit_is_measured_again():
    assert looks_slower(compared((math.log(1.03),)), LIMITS)
    assert not looks_slower(compared((math.log(1.02),)), LIMITS)
    assert not looks_slower(compared((math.log(1.1),), reference_ms=0.04), LIMITS)


def test_the_verdict_says_how_slow_and_what_was_allowed():
    verdict = verdict_on(timed_record(), compared((math.log(1.1),) * 3), LIMITS, NEXT)
    assert (verdict.outcome, verdict.found, verdict.limit) == (FAILED, "+10.0%", "at most +5.0%")
    assert "1.100 ms against 1.000" in verdict.detail and "3 rounds" in verdict.detail
    noisy = verdict_on(timed_record(), compared((math.log(1.1),), deviation=0.1), LIMITS, NEXT)
    assert noisy.outcome == PASSED and "noise hides smaller slowdowns" in noisy.detail
    assert NEXT.thorough_baseline in noisy.advice and NEXT.thorough_gate in noisy.advice
    assert noisy.figures["noise_floor_percent"] > 30


def a_baseline(record):
    return Baseline(record, (1e6, 1e6, 1e6), (0.0, 0.01, -0.01))


def test_without_a_baseline_it_is_skipped_and_says_what_to_run():
    verdict = not_comparable(timed_record(), None, NEXT)
    assert verdict.outcome == SKIPPED and verdict.advice == f"run {NEXT.baseline}"


def test_an_emulated_device_is_skipped():
    record = timed_record()
    record = replace(record, environment=replace(record.environment, emulated=True))
    verdict = not_comparable(record, a_baseline(record), NEXT)
    assert verdict.outcome == SKIPPED and "emulated" in verdict.detail


def test_unlike_circumstances_are_refused_with_both_values():
    then = timed_record()
    now = replace(
        then,
        environment=replace(then.environment, cpu_model="Cortex-A76"),
        result=replace(then.result, runtime_version="9.9", threads=4),
        plan=replace(then.plan, time_limit_s=77.0),
    )
    verdict = not_comparable(now, a_baseline(then), NEXT)
    assert verdict.outcome == INCONCLUSIVE and "refused" in verdict.detail
    for both in (
        f"cpu_model was {then.environment.cpu_model} and is Cortex-A76",
        "litert was 2.3 and is 9.9",
        "threads was 2 and is 4",
        "time_limit_s was 2.0 and is 77.0",
    ):
        assert both in verdict.detail
    assert not_comparable(then, a_baseline(then), NEXT) is None and differing(then, then) == []


def test_baselines_are_read_out_of_pairs_and_broken_rounds_left_out():
    def rounds(name, count, **changes):
        return [
            replace(timed_record(artifact=name, **changes), session=f"g/{n}")
            for n in range(count)
            for _ in range(2)
        ]

    broken = replace(timed_record(artifact="int8.tflite"), session="g/9")
    records = [*rounds("int8.tflite", 3), broken, *rounds("float32.tflite", 2)]
    found = read_baselines(records)
    assert list(found) == [("int8.tflite", "litert")]
    one = found["int8.tflite", "litert"]
    assert len(one.medians_ns) == 3 and one.changes == (0, 0, 0)
