"""float16 files: weights stored as float16, but for those that it cannot hold."""

import float_graphs
import numpy as np
import pytest

from models.networks.spec import ModelSpec
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.layer_names import layer_names
from quantize.schemes import float16


@pytest.fixture(scope="module")
def graph():
    return float_graphs.of_random_weights(ModelSpec("v2", 0.1, 64, classes=5))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32)


def with_large_weight(graph, value=1e5):
    editor = GraphEditor(graph)
    layer = editor.of_kind("CONV_2D")[2]
    weights = editor.read(layer, 1).copy()
    weights.flat[7] = value
    editor.write(layer, 1, weights)
    return editor.graph(), editor.name(int(layer.inputs[1]))


def stored(graph):
    """The dtype that each layer's weights are stored in, by the layer's name."""
    made_of = {o[0]: i[0] for kind, i, o in graph.operators() if kind == "DEQUANTIZE"}
    names = {tensor: name for name, tensor in layer_names(graph).items()}
    return {
        names[o[0]]: str(graph.dtype(made_of.get(i[1], i[1])))
        for kind, i, o in graph.operators()
        if kind in LINEAR
    }


def test_every_kernel_is_stored_as_float16_under_the_names_of_float32(graph):
    assert set(stored(float16.quantize(graph)).values()) == {"float16"}
    assert stored(float16.quantize(graph)).keys() == stored(graph).keys()


def test_it_gives_the_outputs_of_the_float32_network_with_rounded_weights(graph, images):
    found = outputs(float16.quantize(graph), images, 1)
    np.testing.assert_array_equal(found, outputs(float16.rounded(graph), images, 1))
    assert (found != outputs(graph, images, 1)).any()


@pytest.mark.parametrize("value", [1e5, -1e5, 65520.0])
def test_weights_that_float16_cannot_hold_stay_float32_and_are_named(graph, images, value):
    large, name = with_large_weight(graph, value)
    made = float16.quantize(large)
    assert sorted(set(stored(made).values())) == ["float16", "float32"]
    assert list(stored(made).values()).count("float32") == 1
    assert name.split(";")[0] in float16.unfit(large)
    found = outputs(made, images, 1)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, outputs(float16.rounded(large), images, 1))


def test_nothing_is_told_of_weights_that_fit(graph):
    assert float16.unfit(graph) is None
    assert float16.unfit(with_large_weight(graph, 65504.0)[0]) is None


def test_weights_that_two_layers_share_are_stored_once(graph):
    editor = GraphEditor(graph)
    first, second = (o for o in editor.of_kind("CONV_2D")[3:5])
    shape = [int(n) for n in editor.tensor(int(first.inputs[1])).shape]
    editor.tensor(int(second.inputs[1])).shape = shape
    editor.tensor(int(second.inputs[1])).buffer = editor.tensor(int(first.inputs[1])).buffer
    made = float16.quantize(editor.graph())
    read = [i[0] for kind, i, _ in made.operators() if kind == "DEQUANTIZE"]
    assert len(read) == len(set(read)) + 1
