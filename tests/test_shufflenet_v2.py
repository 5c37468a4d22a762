"""ShuffleNet v2: the published sizes, the way past each unit, and files in one piece."""

import numpy as np
import pytest
from shufflenets import converted, macs, noise, small

from export.onnx import onnx_model
from models.command_line.errors import RequestError
from models.networks import registry
from models.networks.spec import ModelSpec
from quantize.evaluate.output_comparison import compare
from quantize.graph.delegate import Partitions, partitions
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import open_session
from quantize.schemes import int8

pytestmark = pytest.mark.usefixtures("fresh_keras")


@pytest.fixture(scope="module")
def model():
    return small("shufflenet-v2", alpha=0.5)


@pytest.fixture(scope="module")
def images():
    return noise()


@pytest.fixture(scope="module")
def graph(model):
    return converted(model)


@pytest.fixture(scope="module")
def int8_graph(graph, images):
    return int8.quantize(
        graph, choose_ranges(graph, calibrate(graph, (i[None] for i in images), threads=1))
    )


# Trained parameters of torchvision's models. Millions of multiply-accumulates as its models have
# them, and in the paper's table 8, which counts a first unit of stage 2 whose way past keeps the
# stem's 24 channels.
@pytest.mark.parametrize(
    ("alpha", "parameters", "millions", "in_the_paper"),
    [
        (0.5, 1_366_792, 40.476, 41),
        (1.0, 2_278_604, 144.908, 146),
        (1.5, 3_503_624, 295.759, 299),
        (2.0, 7_393_996, 583.253, 591),
    ],
)
def test_parameters_and_macs_are_the_published_ones(alpha, parameters, millions, in_the_paper):
    built = registry.build(ModelSpec("shufflenet-v2", alpha=alpha))
    assert sum(weight.numpy().size for weight in built.trainable_weights) == parameters
    assert macs(built) / 1e6 == pytest.approx(millions, abs=0.001)
    assert macs(built) / 1e6 == pytest.approx(in_the_paper, rel=0.015)


def test_a_width_that_the_paper_has_not_is_refused_with_those_it_has():
    with pytest.raises(RequestError, match=r"ALPHA=0\.5 or ALPHA=1 or"):
        registry.build(ModelSpec("shufflenet-v2", alpha=0.75))


@pytest.mark.parametrize("resolution", [32, 33, 75])
def test_any_size_and_number_of_classes_builds(resolution):
    spec = ModelSpec("shufflenet-v2", alpha=0.5, resolution=resolution, classes=3, logits=True)
    assert registry.build(spec).output_shape == (None, 3)


def test_half_of_the_channels_go_past_a_unit_untouched(model, images):
    import keras

    outputs = [model.get_layer(f"stage3_{i}_shuffle").output for i in (4, 5)]
    before, after = keras.Model(model.inputs, outputs)(images[:2])
    half = before.shape[-1] // 2
    np.testing.assert_array_equal(after[..., ::2], before[..., :half])
    assert np.abs(after[..., 1::2] - before[..., half:]).max() > 1e-3


def test_the_float_graph_answers_as_keras_in_one_piece(model, graph, images):
    interpreter = graph.interpreter(threads=1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:1])
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = np.asarray(model(images[:1], training=False))
    assert np.ptp(expected) > 1e-2
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert partitions(graph).is_whole
    assert max(len(graph.tensor(name).shape) for name in graph.activations) == 4


def test_int8_shuffles_and_splits_stay_in_the_one_piece(int8_graph):
    assert int8_graph.op_histogram["TRANSPOSE"] == 16
    assert partitions(int8_graph) == Partitions(1, {"SOFTMAX": 1})


def test_int8_onnx_answers_as_int8_tflite(graph, int8_graph, images):
    """As near as the float graph is: random weights make much of what kernels round otherwise."""
    interpreter = int8_graph.interpreter(threads=1)
    put, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = put["quantization"]
    model = onnx_model.of_graph(int8_graph).model
    session = open_session("onnxruntime", model.SerializeToString()).session
    answers = []
    for image in images:
        integers = np.clip(np.rint(image[None] / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(put["index"], integers)
        interpreter.invoke()
        expected = session.run(None, {"image": integers})[0]
        answers.append((interpreter.get_tensor(got["index"])[0], expected[0]))
    found, expected = np.moveaxis(np.asarray(answers, np.float32) + 128, 1, 0)
    assert compare(found, expected, "softmax").sqnr_db > 15
