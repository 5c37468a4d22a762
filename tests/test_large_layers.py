"""Layers too large to be rounded whole: memory is estimated first, and they are done in parts."""

import tracemalloc

import numpy as np
import pytest

from quantize.passes import error_feedback, learned_rounding
from quantize.passes.rounding import Problem
from quantize.ranges.bounds import Bounds


def problem(taps, rows=6, samples=128, problems=1):
    draw = np.random.default_rng(taps)
    mixed = draw.normal(size=(problems, samples, 12)) @ draw.normal(size=(problems, 12, taps))
    inputs = (mixed + 0.3 * draw.normal(size=mixed.shape)).astype(np.float32)
    weights = draw.normal(size=(problems, rows, taps)).astype(np.float32)
    scale = np.abs(weights).max(axis=2, keepdims=True) / 127
    center = np.zeros((problems, 1, rows), np.float32)
    return Problem(inputs, weights, scale, center, Bounds())


def error(found, integers):
    off = integers * found.scale - found.weights
    return float(((found.inputs @ off.transpose(0, 2, 1)) ** 2).sum())


def nearest(found):
    return np.rint(found.weights / found.scale)


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(error_feedback, "MAX_BYTES", error_feedback.needed_bytes(1, 200))
    monkeypatch.setattr(error_feedback, "PART_TAPS", 64)


def test_a_layer_in_parts_is_still_better_than_rounded_to_the_nearest(little_memory):
    found = problem(500)
    integers = error_feedback.fit(found)
    assert integers.shape == found.weights.shape and integers.dtype == np.int8
    assert error(found, integers) < 0.5 * error(found, nearest(found))


def test_a_layer_that_fits_is_done_whole(little_memory):
    found = problem(200)
    np.testing.assert_array_equal(error_feedback.fit(found), error_feedback._fit(found))


def test_groups_are_done_one_by_one_before_any_falls_into_parts(little_memory):
    found = problem(150, problems=4)
    np.testing.assert_array_equal(error_feedback.fit(found), error_feedback._fit(found))


def test_a_flattened_map_of_62720_values_needs_less_than_a_gigabyte():
    found = problem(62_720, rows=4, samples=16)
    tracemalloc.start()
    integers = error_feedback.fit(found)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert integers.shape == (1, 4, 62_720)
    assert peak < 2**30 and error_feedback.needed_bytes(1, 62_720) > 100 * 2**30


def test_learned_rounding_in_groups_of_rows_is_no_worse_than_where_it_began(monkeypatch):
    found = problem(300, rows=10)
    whole = learned_rounding.fit(found)
    monkeypatch.setattr(learned_rounding, "ROW_VALUES", 700)
    parts = learned_rounding.fit(found)
    assert parts.shape == whole.shape
    assert error(found, parts) <= error(found, error_feedback.fit(found))
    assert error(found, parts) == pytest.approx(error(found, whole), rel=0.1)
