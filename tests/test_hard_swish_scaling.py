"""Channels scaled through an h-swish: the same float network, and less noise in int8."""

import numpy as np
import pytest
from onnx_and_tflite import litert_outputs, onnx_outputs, written

from quantize.evaluate.outputs import outputs
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.passes import hard_swish, hard_swish_scaling
from quantize.passes.layer import quantized_images
from quantize.ranges.bounds import GATE, H_SWISH_MINIMUM, bounds, gates_of, read_within
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8
from quantize.simulation.importance import observe

SIDE = 16
RANGES = np.float32([1, 1 / 2, 1 / 12, 1 / 30])  # of channels, in turns


def images(count=24):
    return np.random.default_rng(5).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def uneven():
    """Two lowered h-swish between a convolution and a depthwise one, whose channels are of very
    different ranges, which the layer after makes up for."""
    import keras
    from keras import layers

    from models.keras_files import float_graph

    keras.utils.set_random_seed(4)
    image = x = keras.Input((SIDE, SIDE, 3))
    for _ in range(2):
        x = layers.Conv2D(16, 3, padding="same", bias_initializer="random_normal")(x)
        x = layers.Activation("hard_silu")(x)
        x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Dense(7)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    editor = GraphEditor(Graph(float_graph.convert(model, SIDE, SIDE, 3)).named("image", "logits"))
    for swish in editor.of_kind("HARD_SWISH"):
        maker = editor.producer(int(swish.inputs[0]))
        (reader,) = editor.consumers(int(swish.outputs[0]))
        ranges = 20 * np.resize(RANGES, 16)
        editor.write(maker, 1, editor.read(maker, 1) * ranges[:, None, None, None])
        editor.write(maker, 2, editor.read(maker, 2) * ranges)
        editor.write(reader, 1, editor.read(reader, 1) * 4 / ranges)
    return hard_swish.lower(editor.graph())


def statistics_of(graph):
    return calibrate(graph, (image[None] for image in images()), threads=2)


@pytest.fixture(scope="module")
def scaled(uneven):
    statistics = statistics_of(uneven)
    known = observe(uneven, statistics, images()).channels
    return hard_swish_scaling.scale_channels(uneven, statistics, known)


def scaled_gates(graph):
    return {name: gate for name, gate in gates_of(graph).items() if not gate.is_sum}


def test_the_float_network_stays_the_same(uneven, scaled):
    assert len(gates_of(scaled)) == len(gates_of(uneven))
    assert len(scaled_gates(scaled)) == 2 and not scaled_gates(uneven)
    wanted, found = (outputs(graph, images(), 2) for graph in (uneven, scaled))
    assert np.ptp(wanted, axis=0).max() > 1e-4
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def noise(graph):
    made = int8.quantize(graph, choose_ranges(graph, statistics_of(graph)))
    wanted, found = (outputs(each, images(), 2) for each in (graph, made))
    return float(((wanted - found) ** 2).sum()), made


def test_int8_of_it_is_nearer_to_float_and_in_one_piece(uneven, scaled):
    before, _ = noise(uneven)
    after, made = noise(scaled)
    assert after < 0.3 * before
    assert partitions(made).count == 1


def test_what_is_flat_is_not_kept(scaled):
    """Each channel is cut off at -3 times its factor at the lowest."""
    within, known = read_within(scaled), bounds(scaled)
    products = {
        other: outputs[0]
        for kind, inputs, outputs in scaled.operators()
        if kind == "MUL"
        for other in inputs
    }
    assert scaled_gates(scaled)
    for name, gate in scaled_gates(scaled).items():
        assert gate.factor > 2
        assert within[gate.input].minimum == pytest.approx(GATE.minimum * gate.factor)
        assert within[gate.input].maximum == np.inf
        lowest = known[products[name]].minimum
        assert lowest == pytest.approx(6 * H_SWISH_MINIMUM * gate.factor)


def test_onnx_of_it_gives_the_integers_of_tflite(scaled):
    _, made = noise(scaled)
    model = written(made)
    for image in quantized_images(made, images(4)):
        fed = {"image": image[None]}
        (expected,), (given,) = litert_outputs(made, fed), onnx_outputs(model, fed)
        assert np.abs(expected.astype(int) - given.astype(int)).max() <= 2


def test_where_nothing_is_known_or_gained_the_graph_is_the_same_object(uneven):
    statistics = statistics_of(uneven)
    assert hard_swish_scaling.scale_channels(uneven, statistics, {}) is uneven
    known = observe(uneven, statistics, images()).channels
    for name, gate in gates_of(uneven).items():
        known[gate.input] = np.zeros_like(known[gate.input])
        known[name] = np.zeros_like(known[name])
    of_products = [
        outputs[0]
        for kind, inputs, outputs in uneven.operators()
        if kind == "MUL" and set(inputs) & set(gates_of(uneven))
    ]
    for name in of_products:
        known[name] = np.zeros_like(known[name])
    assert hard_swish_scaling.scale_channels(uneven, statistics, known) is uneven
