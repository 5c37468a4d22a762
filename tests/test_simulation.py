"""The float graph in TensorFlow: the numbers of LiteRT, and gradients that are right."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from models.keras_files import float_graph
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import LINEAR, Graph
from quantize.passes import hard_swish
from quantize.ranges.calibration import calibrate
from quantize.simulation import importance
from quantize.simulation.operators import OPERATORS
from quantize.simulation.simulation import Simulation, unknown_kinds

SIZE = 12


def graph_of(image, x) -> Graph:
    made = float_graph.convert(keras.Model(image, x), SIZE, SIZE, 3)
    return Graph(made).named("image", "outputs")


def images(count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, SIZE, SIZE, 3)).astype(np.float32)


def many_operators() -> Graph:
    """A network of most kinds of operator that have a gradient."""
    keras.utils.set_random_seed(2)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(image)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="tanh")(x)
    x = layers.Conv2D(8, 3, groups=2, padding="same")(x)
    y = layers.LeakyReLU(negative_slope=0.2)(layers.ZeroPadding2D(1)(x))
    y = layers.AveragePooling2D(2, strides=1)(y)
    y = layers.MaxPooling2D(2, strides=1)(y)
    x = layers.Concatenate()([layers.Activation("hard_swish")(x), layers.Activation("elu")(y)])
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.UpSampling2D(2, interpolation="nearest")(x)
    x = x * keras.ops.sigmoid(layers.GlobalAveragePooling2D(keepdims=True)(x)) - x / 3
    x = keras.ops.sqrt(keras.ops.square(x) + 1) + keras.ops.exp(-keras.ops.abs(x))
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Dense(6)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return graph_of(image, layers.Softmax()(layers.Dense(5)(x)))


def test_it_computes_what_litert_computes():
    graph = many_operators()
    assert unknown_kinds(graph) == []
    found = Simulation(graph).predict(images(5), batch=2)
    np.testing.assert_allclose(found, outputs(graph, images(5), 1), atol=2e-6)
    kinds = set(graph.op_histogram)
    assert {"RESIZE_BILINEAR", "TRANSPOSE", "LEAKY_RELU", "MAX_POOL_2D"} <= kinds, kinds


@pytest.mark.parametrize("lowered", [False, True])
def test_it_computes_networks_of_ours(v3_graph, evaluation_images, lowered):
    graph = hard_swish.lower(v3_graph) if lowered else v3_graph
    found = Simulation(graph).predict(evaluation_images[:4])
    np.testing.assert_allclose(found, outputs(v3_graph, evaluation_images[:4], 1), atol=1e-5)


def test_a_size_is_no_int32():
    graph = many_operators()
    graph.tensor("image").shape = np.asarray([1, 2**16, 2**16, 3], np.int32)
    assert graph.size("image") == 3 * 2**32


def test_what_has_no_gradient_is_named():
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.ops.sort(layers.Conv2D(4, 3)(image), axis=-1)
    graph = graph_of(image, layers.GlobalAveragePooling2D()(x))
    (kind,) = [kind for kind in graph.op_histogram if kind.startswith("TOPK")]
    assert kind in unknown_kinds(graph)
    with pytest.raises(ValueError, match=f"no gradient of .*{kind}.* is known"):
        Simulation(graph)


def test_importance_is_what_a_change_does_to_the_outputs():
    """That of a channel: the mean square of the change, for a small change at each place."""
    import tensorflow as tf

    graph = Graph(float_graph.convert(_corner(), SIZE, SIZE, 3)).named("image", "outputs")
    fed = images(8)
    statistics = calibrate(graph, (one[None] for one in fed), 1)
    first = next(o[0] for kind, _, o in graph.operators() if kind in LINEAR)
    found = importance.observe(graph, statistics, fed).channels[first]
    simulation = Simulation(graph)
    wanted, before = np.zeros(len(found)), simulation.outputs(tf.constant(fed))[0].numpy()
    for channel in range(len(found)):
        for place in np.ndindex(SIZE - 2, SIZE - 2):
            change = np.zeros((1, SIZE - 2, SIZE - 2, len(found)), np.float32)
            change[0, *place, channel] = 0.1
            moved = simulation.outputs(
                tf.constant(fed), visit=lambda name, x, d=change: x + d if name == first else x
            )
            wanted[channel] += np.sum(((moved[0].numpy() - before) / 0.1) ** 2)
    share = found.sum() / wanted.sum()  # of every projection, and the cross terms by chance
    np.testing.assert_allclose(found / share, wanted, rtol=0.6)
    assert 0.5 < share / importance.PROJECTIONS < 2


def _corner() -> keras.Model:
    """A network that reads the first 4 rows and columns of what its first layer makes."""
    keras.utils.set_random_seed(4)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, activation="relu", bias_initializer="ones")(image)
    mask = np.zeros((1, SIZE - 2, SIZE - 2, 1), np.float32)
    mask[:, :4, :4] = 1
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x * mask)))


def test_histograms_weigh_values_by_their_squared_gradients():
    """A linear network: y = sum of w x, so each value of x weighs its w squared, in every image."""
    image = keras.Input((SIZE, SIZE, 3))
    weights = np.random.default_rng(6).normal(0, 1, (SIZE * SIZE * 3, 1)).astype(np.float32)
    dense = layers.Dense(1, use_bias=False)
    x = dense(layers.Flatten()(image))
    dense.set_weights([weights])
    graph = graph_of(image, x)
    fed = images(8)
    statistics = calibrate(graph, (one[None] for one in fed), 1)
    found = importance.observe(graph, statistics, fed).histograms["image"]
    places = np.searchsorted(found.centers + found.width / 2, fed.reshape(8, -1), side="left")
    squares = np.broadcast_to(weights.ravel() ** 2, places.shape)
    wanted = np.bincount(places.ravel(), squares.ravel(), len(found.counts))
    share = found.counts.sum() / wanted.sum()
    assert share == pytest.approx(importance.PROJECTIONS, rel=1e-3)
    coarse = [counts.reshape(64, -1).sum(axis=1) for counts in (found.counts / share, wanted)]
    np.testing.assert_allclose(*coarse, rtol=0.02, atol=0.02 * wanted.max())


@pytest.mark.parametrize("strides", [(2, 1), (1, 3)])
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_strides_of_two_sizes_and_dilation_leave_places_out(kind, strides):
    """Without padding, each stride takes every so many-th of the places of a stride of 1, and a
    dilated kernel is one with zeros between its taps."""
    rng = np.random.default_rng(8)
    shape = (1, 3, 3, 4) if kind == "DEPTHWISE_CONV_2D" else (5, 3, 3, 4)
    kernel, fed = (np.float32(rng.normal(0, 1, size)) for size in (shape, (2, 14, 15, 4)))
    spread = np.zeros((shape[0], 5, 7, 4), np.float32)
    spread[:, ::2, ::3] = kernel

    def found(kernel, strides, dilations):
        options = SimpleNamespace(
            strideH=strides[0], strideW=strides[1], padding=1,
            dilationHFactor=dilations[0], dilationWFactor=dilations[1],
        )  # fmt: skip
        return OPERATORS[kind]([fed, kernel], SimpleNamespace(builtinOptions=options)).numpy()

    every = found(spread, (1, 1), (1, 1))
    assert np.ptp(every) > 1
    wanted = every[:, :: strides[0], :: strides[1]]
    np.testing.assert_allclose(found(kernel, strides, (2, 3)), wanted, atol=1e-4)


def test_every_operator_passes_gradients_on():
    """Those of differences: a small change of the image in the direction of the gradient."""
    import tensorflow as tf

    graph, fed = many_operators(), tf.constant(images(2))
    simulation = Simulation(graph)
    signs = tf.constant(np.random.default_rng(1).choice(np.float32([-1, 1]), (2, 5)))

    def projected(x):
        return tf.reduce_sum(simulation.outputs(x)[0] * signs)

    with tf.GradientTape() as tape:
        tape.watch(fed)
        value = projected(fed)
    slope = tape.gradient(value, fed)
    direction = slope / tf.norm(slope)
    step = 1e-2
    change = projected(fed + step * direction) - projected(fed - step * direction)
    assert float(change) / (2 * step) == pytest.approx(float(tf.norm(slope)), rel=0.05)
    statistics = calibrate(graph, (one[None] for one in images(8)), 1)
    found = importance.observe(graph, statistics, images(8)).histograms
    assert all(histogram.counts.any() for histogram in found.values())
