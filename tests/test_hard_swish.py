"""h-swish lowered to ADD and MUL: the same numbers, and nothing outside the delegate."""

import numpy as np
import pytest

from quantize.evaluate.outputs import outputs
from quantize.graph.delegate import Partitions, partitions
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import cut
from quantize.passes import hard_swish
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8


def test_lowering_leaves_no_hard_swish_and_the_same_outputs(v3_graph, evaluation_images):
    lowered = hard_swish.lower(v3_graph)
    assert "HARD_SWISH" in v3_graph.op_histogram
    assert "HARD_SWISH" not in lowered.op_histogram
    wanted, found = (outputs(g, evaluation_images, 2) for g in (v3_graph, lowered))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_all_sixths_go_into_weights(v3_graph):
    """One MUL for each h-swish and one for each gate; none of them by a constant."""
    before, after = v3_graph.op_histogram, hard_swish.lower(v3_graph)
    gates = before["MEAN"] - 1  # the last one pools for the classifier
    assert after.op_histogram["MUL"] == before["HARD_SWISH"] + gates
    for kind, inputs, _ in after.operators():
        assert kind != "MUL" or all(after.constant(name) is None for name in inputs)


def test_a_lowered_network_runs_in_one_piece_in_the_delegate(v3_graph, calibration_images):
    lowered = hard_swish.lower(v3_graph)
    statistics = calibrate(lowered, (i[None] for i in calibration_images[:8]), threads=1)
    made = int8.quantize(lowered, choose_ranges(lowered, statistics))
    assert partitions(made) == Partitions(1, {"SOFTMAX": 1})


def test_an_h_swish_that_ends_the_network_keeps_its_sixth(v3_graph, evaluation_images):
    editor = GraphEditor(v3_graph)
    first = editor.operators.index(editor.of_kind("HARD_SWISH")[0])
    graph = cut(editor, 0, first + 1)
    lowered = hard_swish.lower(graph)
    assert lowered.op_histogram["MUL"] == 2
    wanted, found = (outputs(g, evaluation_images[:4], 1) for g in (graph, lowered))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_network_without_h_swish_is_left_as_it_is(v1_graph):
    assert hard_swish.lower(v1_graph) is v1_graph


@pytest.mark.parametrize("add_first", [True, False])
def test_a_residual_sum_of_an_h_swish_stays_right(add_first):
    """Its other side has to be made six times larger, by its own weights."""
    import keras
    from keras import layers

    from models.keras_files import float_graph

    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3))
    x = layers.Activation("hard_silu")(layers.Conv2D(4, 3, padding="same")(image))
    y = layers.Conv2D(4, 1, bias_initializer="random_normal")(x)
    x = layers.Add()([x, y] if add_first else [y, x])
    x = layers.Conv2D(5, 1)(x)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    graph = Graph(float_graph.convert(model, 8, 8, 3)).named("image", "logits")
    lowered = hard_swish.lower(graph)
    assert lowered.op_histogram["MUL"] == 1
    images = np.random.default_rng(5).uniform(-3, 3, (4, 8, 8, 3)).astype(np.float32)
    wanted, found = (outputs(g, images, 1) for g in (graph, lowered))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
