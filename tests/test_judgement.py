"""Comparison of int8 forms: better beyond the noise, or not."""

from dataclasses import replace

import numpy as np
import pytest

from quantize.evaluate import judgement
from quantize.evaluate.judgement import Judge, Judged, with_logits
from quantize.evaluate.output_comparison import ComparisonSummary
from quantize.evaluate.outputs import outputs
from quantize.methods import search as searching
from quantize.methods.methods import METHODS, Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8


def judged(distances, squared_errors=None):
    """``distances`` [n] of one kind, or [n, kinds]; errors that are all alike unless given."""
    distances = np.asarray(distances, np.float64).reshape(len(distances), -1)
    errors = np.ones(len(distances)) if squared_errors is None else squared_errors
    summary = ComparisonSummary(len(distances), 0.1, 0.1, 1.0, 30.0, 1.0)
    return Judged(summary, distances, errors, None)


def test_better_is_what_is_better_on_nearly_all_images():
    rng = np.random.default_rng(1)
    base = rng.exponential(1, 256)
    assert judged(base * 0.9).is_better(judged(base))
    assert not judged(base).is_better(judged(base * 0.9))
    assert not judged(base).is_better(judged(base))
    assert judged(np.zeros(256), np.zeros(256)).is_better(judged(base))


def test_what_one_image_decides_is_noise():
    base = np.ones(256)
    lucky = np.ones(256)
    base[7] = 60.0
    lucky[7] = 1.0
    assert not judged(lucky * 1.01).is_better(judged(base))


def test_both_kinds_of_distance_count_alike():
    """In any units; much of one may make up for little of the other."""
    rng = np.random.default_rng(3)
    base = rng.exponential(1, (256, 2)) * [1e-3, 1e3]
    assert judged(base * [0.8, 1.1]).is_better(judged(base))
    assert not judged(base * [0.9, 1.2]).is_better(judged(base))


def test_what_is_closer_but_likely_noisier_is_not_better():
    rng = np.random.default_rng(4)
    base, errors = rng.exponential(1, (2, 256))
    louder = errors * rng.uniform(1.0, 1.4, 256)
    assert judged(base * 0.9, errors).is_better(judged(base, louder))
    assert not judged(base * 0.9, louder).is_better(judged(base, errors))
    other = rng.permutation(errors)  # as much, on other images
    assert judged(base * 0.9, other).is_better(judged(base, errors))


def test_chance_is_taken_for_better_about_as_often_as_its_level_says():
    rng = np.random.default_rng(2)
    pairs = [rng.exponential(1, (2, 256)) for _ in range(400)]
    found = sum(judged(a).is_better(judged(b)) for a, b in pairs)
    assert found <= 0.09 * len(pairs)


def test_the_error_of_likely_logits_sees_nothing_of_the_others():
    wanted = np.float32([[5, 4, -9, -20], [30, 0, 0, 0]])
    found = wanted + np.float32([[0, 0, 3, 9], [0, 0.5, 0.5, 0.5]])
    errors = judgement._errors_of_the_likely(wanted, found)
    assert errors[0] == 0 and errors[1] > 0  # the second has no likely other: the next is one
    np.testing.assert_allclose(judgement._errors_of_the_likely(wanted, wanted + 7), 0, atol=1e-9)
    half = np.exp(-0.5) / (1 + np.exp(-0.5))  # the share of the second class at twice the heat
    apart = judgement._errors_of_the_likely(wanted, wanted + np.float32([[0, 1, 0, 0]] * 2))[0]
    assert apart == pytest.approx(half * (1 - half), rel=1e-6)


@pytest.fixture(scope="module")
def plain(v1_graph, v1_statistics):
    return int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))


def test_the_logits_of_a_softmax_are_a_second_output(v1_graph, plain, evaluation_images):
    for graph in (v1_graph, plain):
        both = outputs(with_logits(graph), evaluation_images[:4], 1)
        probabilities, logits = np.split(both, 2, axis=1)
        np.testing.assert_array_equal(probabilities, outputs(graph, evaluation_images[:4], 1))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        step = 1e-6 if graph is v1_graph else 1 / 256
        np.testing.assert_allclose(
            powers / powers.sum(axis=1, keepdims=True), probabilities, atol=step
        )
    assert with_logits(with_logits(plain)) is None


def test_the_interval_holds_the_ratio_of_all_images(v1_graph, plain, evaluation_images):
    judge = Judge(v1_graph, evaluation_images, "softmax", (), 2)
    found = judge.judged(plain)
    low, high = found.sqnr_interval_db
    assert low < found.summary.sqnr_db < high and high - low < 10
    assert found.distances.shape == (len(evaluation_images), 2) and (found.distances >= 0).all()
    assert (found.squared_errors >= 0).all() and found.squared_errors.any()
    float_itself = judge.judged(v1_graph)
    assert float_itself.summary.sqnr_db is None and float_itself.sqnr_interval_db is None
    assert float_itself.distances.max() < 1e-9


def test_a_method_that_makes_it_worse_is_dropped_and_the_next_starts_without_it(
    v1_graph, calibration_images, evaluation_images, monkeypatch
):
    """Worse: every range halved. Better: as the first method, with its weights and ranges."""
    started_from = []

    def worse(stage, calibration):
        halved = {n: replace(r, maximum=r.maximum / 2) for n, r in stage.ranges.items()}
        yield stage.quantized(halved)

    def watching(stage, calibration):
        started_from.append(stage)
        yield from METHODS["bias-correction"](stage, calibration)

    def nothing(stage, calibration):
        return iter(())

    methods = {**METHODS, "worse": worse, "watching": watching, "nothing": nothing}
    monkeypatch.setattr(searching, "METHODS", methods)
    plan = Plan(("min-max", "worse", "nothing", "watching"), None)
    calibration = Calibration(calibration_images, 2)
    found = search(v1_graph, calibration, evaluation_images, "softmax", plan)
    assert [step.method for step in found.tried] == ["min-max", "worse", "watching"]
    assert [step.accepted for step in found.tried[:2]] == [True, False]
    assert found.tried[1].decibels < found.tried[0].decibels - 3
    alone = search(v1_graph, calibration, evaluation_images, "softmax", Plan(("min-max",), None))
    assert started_from[0].int8_graph.content == alone.int8_graph.content
    assert found.chosen.method != "worse"
    assert found.chosen.decibels >= found.tried[0].decibels
