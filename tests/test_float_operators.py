"""A user's network with operators that no pass knows: it works, and what stays float is named."""

import numpy as np
import onnx
import pytest
from in_process import call

from export.artifact import Manifest
from export.onnx import onnx_model
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.passes.layer import quantized_images
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import open_session
from quantize.schemes import float_operators, int8

SIDE = 16


def network(activation):
    """Two convolutions with biases, each with ``activation()`` after it; logits of 4 classes."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    image = x = keras.Input((SIDE, SIDE, 3))
    for strides in (1, 2):
        x = layers.Conv2D(8, 3, strides, bias_initializer="random_normal")(x)
        x = activation()(x)
    x = layers.GlobalAveragePooling2D()(x)
    kernel = keras.initializers.RandomNormal(0, 2.0)
    return keras.Model(image, layers.Dense(4, kernel_initializer=kernel)(x))


def named(name):
    def activation():
        import keras

        return keras.layers.Activation(name)

    return activation


def layer_norm():
    import keras

    return keras.layers.LayerNormalization(gamma_initializer="random_normal")


def scaled():
    """A factor for each channel, which no layer takes in."""
    import keras

    gammas = np.linspace(0.5, 1.5, 8, dtype=np.float32)

    class Scaled(keras.layers.Layer):
        def call(self, x):
            return keras.ops.tanh(x) * gammas

    return Scaled()


def images():
    return np.random.default_rng(0).uniform(-1, 1, (24, SIDE, SIDE, 3)).astype(np.float32)


def float_and_int8(activation):
    from models.keras_files import float_graph

    content = float_graph.convert(network(activation), SIDE, SIDE, 3)
    graph = Graph(content).named("image", "logits")
    statistics = calibrate(graph, (image[None] for image in images()), threads=1)
    return graph, int8.quantize(graph, choose_ranges(graph, statistics))


def onnx_outputs(model, fed):
    session = open_session("onnxruntime", model.SerializeToString()).session
    return np.stack([session.run(None, {"image": image[None]})[0][0] for image in fed])


@pytest.mark.parametrize(
    ("activation", "least_db"),
    [
        (named("elu"), 100),  # stays float
        (named("softplus"), 100),  # EXP and LOG stay float, the ADD between them does not
        (named("gelu"), 100),  # int8 in TFLite, several nodes in ONNX
        (named("tanh"), 100),  # neither ReLU6 nor h-swish
        (named("silu"), 100),
        (layer_norm, 30),  # some of its operators round in TFLite only
    ],
    ids=["elu", "softplus", "gelu", "tanh", "silu", "layer norm"],
)
def test_int8_onnx_answers_as_int8_tflite(activation, least_db):
    graph, made = float_and_int8(activation)
    affine = made.quantization("logits")
    found = onnx_outputs(
        onnx_model.of_graph(made).model,
        quantized_images(made, images()),
    )
    found = (found.astype(np.float32) - affine.zero_point) * affine.scale
    fidelity = compare(outputs(made, images(), 1), found.astype(np.float32), "logits")
    assert fidelity.sqnr_db is None or fidelity.sqnr_db > least_db
    assert compare(outputs(graph, images(), 1), outputs(made, images(), 1), "logits").sqnr_db > 25


def test_an_operand_that_onnx_keeps_in_another_layout_is_the_same_integers():
    _, made = float_and_int8(scaled)
    model = onnx_model.of_graph(made).model
    operands = [i for i in model.graph.initializer if i.name.endswith(":uint8")]
    gammas = [operand for operand in operands if list(operand.dims) == [1, 8, 1, 1]]
    assert len(gammas) == 1  # both places share it
    stored = {
        made.constant(inputs[1]).tobytes()
        for kind, inputs, _ in made.operators()
        if kind == "MUL" and made.constant(inputs[1]) is not None
    }
    for gamma in gammas:
        found = onnx.numpy_helper.to_array(gamma).astype(np.int16) - 128
        assert found.astype(np.int8).tobytes() in stored


@pytest.mark.parametrize("approximate", [False, True])
def test_a_gelu_is_the_same_in_float_onnx(approximate):
    def gelu():
        import keras

        class Gelu(keras.layers.Layer):
            def call(self, x):
                return keras.ops.gelu(4 * x, approximate=approximate)

        return Gelu()

    graph, _ = float_and_int8(gelu)
    assert graph.op_histogram["GELU"] == 2
    found = onnx_outputs(onnx_model.of_graph(graph).model, images())
    assert compare(outputs(graph, images(), 1), found, "logits").max_relative_error < 1e-5


def test_what_stays_float_is_named_and_the_rest_is_integers():
    graph, made = float_and_int8(named("elu"))
    found = list(float_operators.float_operators(made))
    assert [kind for kind, _ in found] == ["ELU", "ELU"]
    assert {name for _, name in found} <= set(graph.activations)
    line = float_operators.sentence("int8.tflite", made)
    assert line.startswith("int8.tflite: ELU (") and line.endswith(") stay float")
    assert "\n" not in line and len(line) < 150


def test_only_some_names_are_in_the_sentence():
    _, made = float_and_int8(named("softplus"))
    line = float_operators.sentence("int8.tflite", made)
    assert line.count("(") == 3 and line.endswith(" and 1 more stay float")


def test_nothing_is_reported_where_nothing_stays_float():
    _, made = float_and_int8(named("tanh"))
    assert float_operators.sentence("int8.tflite", made) is None


@pytest.mark.slow
def test_a_users_network_of_such_operators_is_exported_whole(tmp_path):
    network(named("elu")).save(tmp_path / "odd.keras")
    rng = np.random.default_rng(2)
    for name, n in (("evaluate", 40), ("calibrate", 20)):
        x = rng.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.arange(n) % 4)
    done = call(
        *("export", "--model", "odd.keras", "--data", "evaluate.npz", "--calib", "calibrate.npz"),
        *("--schemes", "int8-dynamic,int16x8"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    manifest = Manifest.read(tmp_path / "artifacts" / "odd")
    assert len(manifest.artifacts) == 8
    notes = [warning for warning in manifest.warnings if "stay float" in warning]
    assert [line.split(":")[0] for line in notes] == ["int8.tflite", "int16x8.tflite"]
    assert all(f"note: {line}" in done.stdout for line in notes)
    figures = {a.name: a.fidelity.sqnr_db for a in manifest.artifacts}
    assert figures["int8.onnx"] == pytest.approx(figures["int8.tflite"], abs=0.01)
