"""Predictions of outputs."""

import numpy as np

from quantize.evaluate.output_comparison import NO_PREDICTION, predictions


def test_predictions_are_the_largest_output():
    outputs = np.array([[0.1, 0.9], [0.5, 0.5], [np.nan, 1], [np.inf, 0]], np.float32)
    assert predictions(outputs, "softmax").tolist() == [1, 0, NO_PREDICTION, NO_PREDICTION]


def test_one_output_says_yes_above_a_half():
    outputs = np.array([[0.4], [0.6]], np.float32)
    assert predictions(outputs, "sigmoid").tolist() == [0, 1]
    assert predictions(outputs - 0.5, "logits").tolist() == [0, 1]
