"""Learned rounding: never worse than where it starts, on the grid, and not lost by Ctrl-C."""

import numpy as np
import pytest

from quantize.graph.graph import LINEAR
from quantize.passes import error_feedback, learned_rounding
from quantize.passes.rounding import Problem
from quantize.ranges.bounds import Bounds
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8

RELU6 = Bounds(0.0, 6.0)


def problem(ends=RELU6, depthwise=False, samples=600):
    """Coarse steps, correlated inputs, outputs of which many are cut off."""
    rng = np.random.default_rng(3)
    problems, rows, taps = (12, 1, 9) if depthwise else (1, 16, 48)
    mixing = rng.normal(size=(taps, taps))
    inputs = (rng.normal(size=(problems, samples, taps)) @ mixing).astype(np.float32)
    weights = 0.1 * rng.normal(size=(problems, rows, taps)).astype(np.float32)
    return Problem(
        inputs=inputs - inputs.mean(axis=1, keepdims=True),
        weights=weights,
        scale=np.full((problems, rows, 1), 0.05, np.float32),
        center=np.full((problems, 1, rows), 3.0, np.float32),
        ends=ends,
    )


def error(task, integers):
    """Mean squared error of the outputs after the activation function."""

    def activated(weights):
        made = task.inputs @ weights.transpose(0, 2, 1) + task.center
        return np.clip(made, task.ends.minimum, task.ends.maximum)

    return float(np.mean((activated(integers * task.scale) - activated(task.weights)) ** 2))


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("ends", [RELU6, Bounds()])
def test_outputs_come_closer_than_by_error_feedback(ends, depthwise):
    task = problem(ends, depthwise)
    start, learned = error_feedback.fit(task), learned_rounding.fit(task)
    assert learned.dtype == np.int8 and learned.shape == task.weights.shape
    assert error(task, learned) < 0.95 * error(task, start)


def test_integers_stay_symmetric_int8():
    task = problem()
    small = Problem(task.inputs, task.weights * 25, task.scale, task.center, task.ends)
    assert np.abs(learned_rounding.fit(small).astype(int)).max() == 127


@pytest.fixture(scope="module")
def arguments(v1_graph, v1_statistics, calibration_images):
    plain = int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))
    means = {name: a.mean for name, a in v1_statistics.items() if a.mean is not None}
    return v1_graph, plain, means, calibration_images[:16], 2


@pytest.fixture(scope="module")
def learned(arguments, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    made = learned_rounding.refine(*arguments, kept_in=folder)
    assert not list(folder.iterdir())
    return made


def test_the_steps_of_the_weights_stay_as_they_were(arguments, learned):
    plain, moved = arguments[1], 0
    for (kind, old, _), (_, new, _) in zip(plain.operators(), learned.operators(), strict=True):
        if kind in LINEAR:
            np.testing.assert_array_equal(
                learned.quantization(new[1]).scale, plain.quantization(old[1]).scale
            )
            moved += (learned.constant(new[1]) != plain.constant(old[1])).any()
    assert moved > 20


def test_work_that_was_interrupted_is_not_done_again(arguments, learned, tmp_path, monkeypatch):
    def interrupt(done, total):
        assert total == 28
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learned_rounding.refine(*arguments, report=interrupt, kept_in=tmp_path)
    assert len(list(tmp_path.iterdir())) == 5

    fitted = []
    fit = learned_rounding.fit
    monkeypatch.setattr(learned_rounding, "fit", lambda task: fitted.append(0) or fit(task))
    made = learned_rounding.refine(*arguments, kept_in=tmp_path)
    assert len(fitted) == 28 - 5
    assert made.content == learned.content
    assert not list(tmp_path.iterdir())
