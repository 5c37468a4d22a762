"""The effect of errors inside a network on its outputs, from gradients.

A small error e in an activation changes the outputs by J e. For random signs r, the mean square of
r' J e is the squared change of all outputs, so the squares of the gradients of r' y say what error
a value can bear: the diagonal of the empirical Fisher information, which Li et al. 2021 (BRECQ,
arXiv 2102.05426) weigh errors with.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.ranges.calibration import Activation
from quantize.ranges.histogram import BINS, Histogram
from quantize.simulation.simulation import Simulation

SEED = 0
PROJECTIONS = 2
BATCH = 8
MAX_BYTES = 2**30  # of the activations of a batch and of what is made on the way back
ARRAYS = 3  # of each activation, that are there at once
SAMPLES_PER_IMAGE = 2**15  # values of one activation that are counted


def histograms(
    graph: Graph, statistics: dict[str, Activation], images: np.ndarray
) -> dict[str, Histogram]:
    """The histogram of each activation in ``statistics``, its values weighted by their squared
    gradients, for preprocessed ``images`` [n, h, w, c]. Zeros, which int8 has exactly, count
    nothing. ValueError where ``graph`` has an operator without a gradient.
    """
    names = [n for n in graph.activations if n in statistics]
    exponents = [statistics[name].histogram.exponent for name in names]
    counts = [np.zeros(BINS) for _ in names]
    for _, found in _gradients(graph, images, names, _sampled_pairs):
        for count, exponent, (values, squares) in zip(counts, exponents, found, strict=True):
            count += _counted(values, squares, exponent)
    pairs = zip(names, exponents, counts, strict=True)
    return {name: Histogram(exponent, count) for name, exponent, count in pairs}


def of_places(graph: Graph, images: np.ndarray) -> dict[str, np.ndarray]:
    """The importance of each place of each layer's output before its activation, float32
    [n, ..., 1]: the squared gradients of all its channels. Arguments and errors as above."""
    names = [outputs[0] for kind, _, outputs in graph.operators() if kind in LINEAR]
    maps: dict[str, np.ndarray] = {}
    for first, found in _gradients(graph, images, names, _square_sums, before_activation=True):
        for name, part in zip(names, found, strict=True):
            whole = maps.setdefault(name, np.zeros((len(images), *part.shape[1:]), np.float32))
            whole[first : first + len(part)] += part
    return maps


def _gradients(
    graph: Graph,
    images: np.ndarray,
    names: list[str],
    reduced: Callable,
    before_activation: bool = False,
) -> Iterator[tuple[int, list]]:
    """For every few images and every projection: the number of the first of them, and what
    ``reduced`` makes of the values of each named tensor and of their gradients."""
    import tensorflow as tf

    simulation, rng = Simulation(graph), np.random.default_rng(SEED)
    place = "linear" if before_activation else "visit"

    @tf.function(reduce_retracing=True)
    def run(images, signs):
        seen = {}
        with tf.GradientTape() as tape:

            def watch(name, value):
                if name in names:
                    value = seen[name] = tf.identity(value)
                    tape.watch(value)
                return value

            outputs = simulation.outputs(images, **{place: watch})
            products = [tf.reduce_sum(y * sign) for y, sign in zip(outputs, signs, strict=True)]
            projected = tf.add_n(products)
        values = [seen[name] for name in names]
        unread = tf.UnconnectedGradients.ZERO
        slopes = tape.gradient(projected, values, unconnected_gradients=unread)
        return [reduced(value, slope) for value, slope in zip(values, slopes, strict=True)]

    shapes = [[int(n) for n in graph.tensor(name).shape[1:]] for name in graph.outputs]
    values = sum(graph.size(name) for name in graph.activations)
    size = max(1, min(BATCH, MAX_BYTES // (ARRAYS * values * np.dtype(np.float32).itemsize)))
    for first in range(0, len(images), size):
        batch = tf.constant(images[first : first + size])
        for _ in range(PROJECTIONS):
            sizes = [(len(batch), *shape) for shape in shapes]
            signs = [tf.constant(rng.choice(np.float32([-1, 1]), size)) for size in sizes]
            yield first, tf.nest.map_structure(lambda found: found.numpy(), run(batch, signs))


def _sampled_pairs(values, slopes):
    return _sampled(values), _sampled(slopes) ** 2


def _square_sums(values, slopes):
    import tensorflow as tf

    return tf.reduce_sum(slopes**2, axis=-1, keepdims=True)


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
