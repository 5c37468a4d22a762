"""The effect of errors inside a network on its outputs, from gradients.

A small error e in an activation changes the outputs by J e. For random signs r, the mean square of
r' J e is the squared change of all outputs, so the squares of the gradients of r' y say what error
a value can bear: the diagonal of the empirical Fisher information, which Li et al. 2021 (BRECQ,
arXiv 2102.05426) weigh errors with.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from quantize.graph.graph import Graph
from quantize.ranges.calibration import Activation
from quantize.ranges.histogram import BINS, Histogram
from quantize.simulation.simulation import Simulation, unknown_kinds

SEED = 0
PROJECTIONS = 2
BATCH = 8
MAX_BYTES = 2**30  # of the activations of a batch and of what is made on the way back
ARRAYS = 3  # of each activation, that are there at once
SAMPLES_PER_IMAGE = 2**15  # values of one activation that are counted


@dataclass(frozen=True)
class Importance:
    """Squared gradients of what is observed, by name of the activation.

    ``histograms``: of its values, each weighted by its squared gradients; zeros, which int8 has
    exactly, count nothing. ``channels``: their sums over each channel, float64 [channels], without
    those of values below half a step, which become 0, as most probabilities do. Both empty where an
    operator has no known gradient.
    """

    histograms: dict[str, Histogram] = field(default_factory=dict)
    channels: dict[str, np.ndarray] = field(default_factory=dict)


def observe(graph: Graph, statistics: dict[str, Activation], images: np.ndarray) -> Importance:
    """The importance of the activations in ``statistics`` for preprocessed ``images``
    [n, h, w, c]."""
    if unknown_kinds(graph):
        return Importance()
    names = [n for n in graph.activations if n in statistics]
    exponents = [statistics[name].histogram.exponent for name in names]
    counts = [np.zeros(BINS) for _ in names]
    channels = [np.zeros(len(statistics[name].channel_maxima)) for name in names]
    half_steps = {name: statistics[name].step / 2 for name in names}
    for found in _gradients(graph, images, half_steps):
        for i, (values, squares, sums) in enumerate(found):
            counts[i] += _counted(values, squares, exponents[i])
            channels[i] += sums
    histograms = map(Histogram, exponents, counts)
    return Importance(
        dict(zip(names, histograms, strict=True)), dict(zip(names, channels, strict=True))
    )


def _gradients(graph: Graph, images: np.ndarray, half_steps: dict[str, float]) -> Iterator[list]:
    """For every few images: ``_reduced`` of each named tensor, as arrays."""
    import tensorflow as tf

    simulation, rng = Simulation(graph), np.random.default_rng(SEED)

    def run(images, signs):  # a few times only, which a graph of it would take longer to make
        seen = {}
        with tf.GradientTape(persistent=True) as tape:

            def watch(name, value):
                if name in half_steps:
                    value = seen[name] = tf.identity(value)
                    tape.watch(value)
                return value

            outputs = simulation.outputs(images, visit=watch)
            projected = [
                tf.add_n([tf.reduce_sum(y * sign) for y, sign in zip(outputs, each, strict=True)])
                for each in signs
            ]
        values, unread = [seen[name] for name in half_steps], tf.UnconnectedGradients.ZERO
        slopes = [tape.gradient(y, values, unconnected_gradients=unread) for y in projected]
        squares = [tf.add_n([slope**2 for slope in each]) for each in zip(*slopes, strict=True)]
        return [_reduced(*each) for each in zip(values, squares, half_steps.values(), strict=True)]

    shapes = [[int(n) for n in graph.tensor(name).shape[1:]] for name in graph.outputs]
    values = sum(graph.size(name) for name in graph.activations)
    size = max(1, min(BATCH, MAX_BYTES // (ARRAYS * values * np.dtype(np.float32).itemsize)))
    for first in range(0, len(images), size):
        batch = tf.constant(images[first : first + size])
        sizes = [(len(batch), *shape) for shape in shapes]
        signs = [
            [tf.constant(rng.choice(np.float32([-1, 1]), size)) for size in sizes]
            for _ in range(PROJECTIONS)
        ]
        yield tf.nest.map_structure(lambda found: found.numpy(), run(batch, signs))


def _reduced(values, squares, half_step: float):
    """A sample of the values, the ``squares`` of their slopes, and the sums of these over each
    channel, but for values below ``half_step``."""
    import tensorflow as tf

    rounded = tf.cast(tf.abs(values) >= half_step, squares.dtype)
    sums = tf.reduce_sum(rounded * squares, axis=range(len(squares.shape) - 1))
    return _sampled(values), _sampled(squares), sums


def _sampled(values):
    """Every so many-th value of each image, of all channels in turn."""
    import tensorflow as tf

    size = math.prod(int(n) for n in values.shape[1:])
    stride = max(1, size // SAMPLES_PER_IMAGE)
    while math.gcd(stride, int(values.shape[-1])) > 1:
        stride += 1
    return tf.reshape(values, [-1, size])[:, ::stride]


def _counted(values: np.ndarray, weights: np.ndarray, exponent: int) -> np.ndarray:
    values, weights = values.ravel(), weights.ravel()
    places = ((values * np.float32(2.0**-exponent) + 1) * (BINS // 2)).astype(np.int64)
    return np.bincount(np.clip(places, 0, BINS - 1), np.where(values == 0, 0, weights), BINS)
