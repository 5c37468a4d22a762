"""Xception against ``keras.applications``, and its rectifiers between sums in int8 files."""

import h5py
import numpy as np
import pytest
from test_models import randomized
from test_models import run as answers

from export.onnx import onnx_model
from models.command_line.errors import RequestError
from models.networks import registry, xception
from models.networks.spec import ModelSpec
from models.networks.xception import Row
from models.weights import imagenet_weights, random_weights
from models.weights.imagenet_weights import Digest
from models.weights.load_weights import load_weights
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph
from quantize.graph.layer_names import layer_names
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import open_session
from quantize.schemes import int8

SIZE, CLASSES = 71, 10
PASSING = ("conv2d", "batch_normalization")  # what Keras calls the layers of the shortcuts
NARROW = (
    Row((24, 24), 2, rectified=False),
    Row((32, 32), 2),
    *[Row((32, 32, 32), 1)] * 2,
    Row((32, 48), 2),
)

pytestmark = pytest.mark.usefixtures("fresh_keras")


def build(top=True, size=SIZE, logits=True):
    spec = ModelSpec("xception", resolution=size, classes=CLASSES, logits=logits, include_top=top)
    return registry.build(spec)


def reference(top=True, size=SIZE):
    """The same network from ``keras.applications``, its weights far from the identity."""
    from keras import applications

    model = applications.Xception(
        weights=None,
        input_shape=(size, size, 3),
        include_top=top,
        classes=CLASSES,
        classifier_activation=None,  # of logits this large a softmax would show the largest alone
    )
    model.set_weights(randomized(model.get_weights(), [w.name for w in model.weights], seed=size))
    return model


def weighted(model):
    return [layer for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    ("top", "size"), [(True, SIZE), pytest.param(False, 100, marks=pytest.mark.slow)]
)
def test_same_weights_give_the_outputs_of_keras_applications(top, size):
    built, applications = build(top, size), reference(top, size)
    for layer, other in zip(weighted(built), weighted(applications), strict=True):
        assert type(layer) is type(other)
        assert layer.name == other.name or (
            "shortcut" in layer.name and other.name.startswith(PASSING)
        )
    built.set_weights(applications.get_weights())
    images = np.random.default_rng(1).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    expected, got = answers(applications, images), answers(built, images)
    assert got.shape == expected.shape
    assert np.ptp(expected) > 1e-4, "outputs all alike would prove nothing"
    assert np.abs(got - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


def test_parameters_are_the_published_ones_and_layers_have_the_published_names():
    model = registry.build(ModelSpec("xception", resolution=SIZE))
    assert model.count_params() == 22_910_480


@pytest.mark.parametrize("form", ["legacy", pytest.param("keras 3", marks=pytest.mark.slow)])
def test_a_file_of_keras_applications_loads(form, tmp_path):
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    applications, built = reference(), build()
    path = tmp_path / "published.weights.h5"
    if form == "legacy":
        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, applications)
    else:
        applications.save_weights(path)
    load_weights(built, path)
    for got, expected in zip(built.get_weights(), applications.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_digest_is_the_one_that_keras_pins():
    import inspect

    from keras.src.applications import xception as keras_xception

    file = imagenet_weights.find("xception", 1.0, 299)
    source = inspect.getsource(keras_xception.Xception)
    assert file.digest == Digest("md5", file.digest.hex)
    assert file.url == keras_xception.WEIGHTS_PATH
    assert source.index("WEIGHTS_PATH,") < source.index(file.digest.hex) < source.index("NO_TOP,")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"resolution": 70}, "at least 71 pixels, for example RES=299"), ({"alpha": 0.5}, "ALPHA=1")],
)
def test_sizes_and_widths_that_are_not_defined_are_refused(wrong, message):
    with pytest.raises(RequestError, match=message):
        registry.build(ModelSpec("xception", **wrong))


@pytest.fixture(scope="module")
def narrow():
    """Float graph of a narrow Xception with random weights."""
    from models.keras_files import float_graph

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xception, "STEM", (8, 16))
        patch.setattr(xception, "TABLE", NARROW)
        patch.setattr(xception, "TAIL", (64, 96))
        model = build(size=96, logits=False)
    random_weights.fill(model)
    return Graph(float_graph.convert(model, 96, 96, 3)).named("image", "probabilities")


def test_random_weights_neither_blow_up_nor_die_in_a_separable_convolution():
    import keras

    image = x = keras.Input((16, 16, 64))
    for _ in range(6):
        x = keras.layers.SeparableConv2D(64, 3, padding="same")(keras.layers.ReLU()(x))
    model = keras.Model(image, x)
    random_weights.fill(model)
    noise = np.random.default_rng(2).normal(0, 1, (4, 16, 16, 64)).astype(np.float32)
    assert 0.5 < answers(model, noise).std() < 2


@pytest.fixture(scope="module")
def narrow_int8(narrow, calibration_images):
    statistics = calibrate(narrow, (image[None] for image in calibration_images), threads=2)
    return int8.quantize(narrow, choose_ranges(narrow, statistics))


def test_a_separable_convolution_becomes_two_operators(narrow):
    separable = 2 + sum(len(row.channels) for row in NARROW)
    assert narrow.op_histogram["DEPTHWISE_CONV_2D"] == separable
    assert narrow.op_histogram["RELU"] == len(NARROW) - 1  # all others are fused


def test_both_halves_of_a_separable_convolution_are_called_after_their_layer(narrow):
    kinds = {outputs[0]: kind for kind, _, outputs in narrow.operators()}
    found = {name: kinds[output] for name, output in layer_names(narrow).items()}
    for i, row in enumerate(NARROW, start=xception.FIRST_BLOCK):
        for j in range(1, len(row.channels) + 1):
            assert found.pop(f"block{i}_sepconv{j}_depthwise") == "DEPTHWISE_CONV_2D"
            assert found.pop(f"block{i}_sepconv{j}") == "CONV_2D"
    shortcuts = {f"block{i}_shortcut" for i in (2, 3, 6)}
    assert {"block1_conv1", "block1_conv2", "predictions", *shortcuts} < found.keys()


def test_rectifiers_between_sums_do_not_divide_the_int8_file(narrow_int8):
    assert "RELU" not in narrow_int8.op_histogram
    found = partitions(narrow_int8)
    assert (found.count, found.outside) == (1, {"SOFTMAX": 1})


def test_int8_files_of_both_formats_predict_as_float(narrow, narrow_int8, evaluation_images):
    model = onnx_model.of_graph(narrow_int8).model
    session = open_session("onnxruntime", model.SerializeToString()).session
    wanted = outputs(narrow, evaluation_images, 2)
    found = outputs(narrow_int8, evaluation_images, 2)
    into, out = (narrow_int8.quantization(n) for n in ("image", "probabilities"))
    integers = np.clip(np.rint(evaluation_images / into.scale) + into.zero_point, -128, 127)
    integers = integers.astype(np.int8)
    made = np.concatenate([session.run(None, {"image": one[None]})[0] for one in integers])
    from_onnx = (made.astype(np.float32) - out.zero_point) * out.scale
    for answer in (found, from_onnx):
        assert compare(wanted, answer, "softmax").sqnr_db > 14
    assert compare(found, from_onnx, "softmax").sqnr_db > 20
