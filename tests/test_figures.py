"""The figures of a row: latency from its samples, and what outputs answer."""

import numpy as np
import pytest

from bench.statistics import Latency, latency
from quantize.fidelity import NO_ANSWER, answers


def test_latency_is_numpys_median_and_percentile():
    samples = np.random.default_rng(1).integers(1, 10**9, 101)
    made = latency(tuple(samples.tolist()))
    assert made == Latency(np.median(samples), np.percentile(samples, 90), 101)
    assert latency((4, 1)) == Latency(2.5, pytest.approx(3.7), 2)
    assert latency((3,)) == Latency(3, 3, 1) and latency(()) is None


def test_answers_are_the_largest_output():
    outputs = np.array([[0.1, 0.9], [0.5, 0.5], [np.nan, 1], [np.inf, 0]], np.float32)
    assert answers(outputs, "softmax").tolist() == [1, 0, NO_ANSWER, NO_ANSWER]


def test_one_output_says_yes_above_a_half():
    outputs = np.array([[0.4], [0.6]], np.float32)
    assert answers(outputs, "sigmoid").tolist() == [0, 1]
    assert answers(outputs - 0.5, "logits").tolist() == [0, 1]
