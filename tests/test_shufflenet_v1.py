"""ShuffleNet v1: the published sizes, grouped convolutions, averages, and files in one piece."""

import numpy as np
import pytest
from shufflenets import converted, macs, noise, small

from models.command_line.errors import RequestError
from models.networks import registry
from models.networks.spec import ModelSpec
from quantize.graph.delegate import Partitions, partitions
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8

pytestmark = pytest.mark.usefixtures("fresh_keras")


@pytest.fixture(scope="module")
def model():
    return small("shufflenet-v1", alpha=0.25)


@pytest.fixture(scope="module")
def images():
    return noise()


@pytest.fixture(scope="module")
def graph(model):
    return converted(model)


def of_keras(model, images, output=None):
    """The outputs of ``model``, or its layer ``output``; TensorFlow has grouped convolutions on a
    CPU in functions only."""
    import keras
    import tensorflow as tf

    if output is not None:
        model = keras.Model(model.inputs, model.get_layer(output).output)
    return np.asarray(tf.function(lambda x: model(x, training=False))(images))


# The paper rounds to 137 (table 1), 38 and 292 and 524 million (tables 2 and 5). Its 13 million for
# all networks of a quarter of the width are more than this one's convolutions have.
@pytest.mark.parametrize(
    ("alpha", "parameters", "millions"),
    [
        (0.25, 305_902, 11.010),
        (0.5, 718_324, 37.590),
        (1.0, 1_865_728, 137.461),
        (1.5, 3_442_168, 292.444),
        (2.0, 5_450_776, 524.045),
    ],
)
def test_parameters_and_macs_are_the_published_ones(alpha, parameters, millions):
    built = registry.build(ModelSpec("shufflenet-v1", alpha=alpha))
    assert sum(weight.numpy().size for weight in built.trainable_weights) == parameters
    assert macs(built) / 1e6 == pytest.approx(millions, abs=0.001)


def test_a_width_that_the_paper_has_not_is_refused_with_those_it_has():
    with pytest.raises(RequestError, match=r"ALPHA=0\.25 or ALPHA=0\.5 or ALPHA=1 or"):
        registry.build(ModelSpec("shufflenet-v1", alpha=0.75))


@pytest.mark.parametrize("resolution", [33, 75])
def test_any_size_and_number_of_classes_builds(resolution):
    spec = ModelSpec("shufflenet-v1", alpha=0.25, resolution=resolution, classes=3, logits=True)
    assert registry.build(spec).output_shape == (None, 3)


def test_all_pointwise_convolutions_but_the_first_have_three_groups(model):
    found = {
        layer.name: layer.groups
        for layer in model.layers
        if layer.name.endswith(("_reduce", "_expand"))
    }
    assert len(found) == 32
    assert [name for name, groups in found.items() if groups != 3] == ["stage2_1_reduce"]


def test_the_way_past_a_halving_unit_is_an_average_that_weights_leave_alone(model, images):
    ahead = of_keras(model, images[:1], "maxpool")[0]
    got = of_keras(model, images[:1], "stage2_1_past")[0]
    padded = np.pad(ahead, ((0, 1), (0, 1), (0, 0)))
    for row in range(4):
        for column in range(4):
            seen = padded[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected = seen.sum(axis=(0, 1)) / 9
            np.testing.assert_allclose(got[row, column], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(got).max() > 0.1


def test_the_float_graph_answers_as_keras_in_one_piece(model, graph, images):
    interpreter = graph.interpreter(threads=1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:1])
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = of_keras(model, images[:1])
    assert np.ptp(expected) > 1e-2
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert partitions(graph).is_whole
    assert "AVERAGE_POOL_2D" not in graph.op_histogram


def test_int8_groups_shuffles_and_averages_stay_in_the_one_piece(graph, images):
    statistics = calibrate(graph, (image[None] for image in images), threads=1)
    made = int8.quantize(graph, choose_ranges(graph, statistics))
    assert made.op_histogram["TRANSPOSE"] == 15
    assert partitions(made) == Partitions(1, {"SOFTMAX": 1})
