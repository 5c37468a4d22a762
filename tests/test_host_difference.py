"""Outputs of a device against those of this machine, of the same file."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from bench.engine.variant import Variant
from bench.measurement import accuracy
from bench.run.host_difference import as_dict, host_difference, text

LOCAL = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]], np.float32)
SCALE = 1 / 256


def variant(scale):
    output = SimpleNamespace(scale=scale)
    name = "int8.tflite" if scale else "float32.tflite"
    return Variant(SimpleNamespace(name=name, sha256="0" * 64, outputs=(output,)), "litert")


def against(remote, scale=SCALE, local=LOCAL):
    return host_difference("pi4", variant(scale), np.asarray(remote, np.float32), local, "softmax")


def test_equal_outputs_have_no_difference():
    found = against(LOCAL)
    assert (found.images, found.agreeing, found.largest_steps, found.not_finite) == (3, 3, 0, 0)
    assert found.largest_difference == 0 and text([found]).splitlines()[2].endswith("none")


@pytest.mark.parametrize("chunk", [2**18, 3])
def test_the_largest_difference_is_reported_in_steps_of_the_output(chunk, monkeypatch):
    """Whichever image has it, however many are in memory at a time."""
    monkeypatch.setattr(accuracy, "CHUNK_VALUES", chunk)
    for image in range(3):
        remote = LOCAL.copy()
        remote[image, image] -= 3 * SCALE
        remote[(image + 1) % 3, 0] += SCALE
        found = against(remote)
        assert (found.largest_steps, found.agreeing) == (3, 3)
        assert text([found]).splitlines()[2].split()[-2:] == ["3", "steps"]


def test_floats_have_no_steps():
    found = against(LOCAL + 1e-4, scale=None)
    assert found.largest_steps is None and found.largest_difference == pytest.approx(1e-4, rel=1e-3)
    assert text([found]).splitlines()[2].endswith("1.0e-04")


def test_images_with_another_answer_are_counted():
    remote = LOCAL[[1, 1, 2]]
    found = against(remote)
    assert (found.agreeing, found.largest_steps) == (2, 64)
    assert "66.67%" in text([found]) and as_dict(found)["agreement"] == pytest.approx(2 / 3)


def test_outputs_that_are_not_finite_are_no_answer_and_no_difference():
    remote = LOCAL.copy()
    remote[0, 0], remote[1, 1] = np.nan, np.inf
    found = against(remote)
    assert (found.agreeing, found.not_finite, found.largest_difference) == (1, 2, 0)
    assert text([found]).splitlines()[1].endswith("not finite")
    assert text([found]).endswith(" 2")
    json.dumps(as_dict(found), allow_nan=False)
    assert against(remote, local=remote).agreeing == 1
