"""The meaning of outputs, told by the graph and, where that does not tell, by the values."""

import numpy as np
import pytest
from user_models import keras_parts, randomize, run, saved

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.keras_files.user_model import load_user_model, logits_of
from models.source import resolve

pytestmark = pytest.mark.usefixtures("fresh_keras")
SHAPE = (16, 16, 3)
FOLDER_EACH = 6  # a SavedModel takes seconds to open: every so many-th model is one


def heads(ending, count=2, classes=4, shape=SHAPE):
    """An image, and so many dense layers with the activation ``ending`` on one convolution."""
    keras, layers = keras_parts()
    image = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(image))
    return image, [layers.Dense(classes, activation=ending)(x) for _ in range(count)]


def with_end(end, ending="softmax", count=2, classes=4):
    keras, _ = keras_parts()
    image, rows = heads(ending, count, classes)
    return randomize(keras.Model(image, end(*rows)))


def features(activation):
    """An embedding: what a pooled convolution gives."""
    keras, layers = keras_parts()
    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation=activation)(image))
    return keras.Model(image, x)


def own_softmax(row):
    keras, _ = keras_parts()
    exponents = keras.ops.exp(row)
    return exponents / keras.ops.sum(exponents, axis=-1, keepdims=True)


def both_sides(row):
    keras, _ = keras_parts()
    return keras.ops.concatenate([1 - row, row], axis=-1)


def gated(a, b, gate):
    """Two experts, as much of each as a third row says."""
    keras, _ = keras_parts()
    rest = gate[:, 1:2] + gate[:, 2:3]
    return keras.ops.sum(keras.ops.stack([a * gate[:, :1], b * rest], axis=1), axis=1)


def kinds():
    """By name: a model, and the kind of its output."""
    keras, layers = keras_parts()
    ops = keras.ops
    inner = heads("sigmoid", 1, 3)
    nested = keras.Model(inner[0], inner[1][0])
    image = keras.Input(SHAPE)
    return {
        "mean of softmaxes": (with_end(lambda a, b: layers.Average()([a, b])), "softmax"),
        "mean of sigmoids": (with_end(lambda a, b: layers.Average()([a, b]), "sigmoid"), "sigmoid"),
        "mean of single sigmoids": (
            with_end(lambda a, b: layers.Average()([a, b]), "sigmoid", 2, 1), "sigmoid"),
        "weighted softmaxes": (with_end(lambda a, b: 0.25 * a + 0.75 * b), "softmax"),
        "stacked softmaxes": (
            with_end(lambda a, b: ops.mean(ops.stack([a, b]), axis=0)), "softmax"),
        "softmaxes weighted by a softmax": (with_end(gated, "softmax", 3, 3), "softmax"),
        "mean of logits": (with_end(lambda a, b: layers.Average()([a, b]), None), "logits"),
        "reshaped": (with_end(lambda a: layers.Reshape((4,))(a), "softmax", 1), "softmax"),
        "joined sigmoids": (
            with_end(lambda a, b: layers.Concatenate()([a, b]), "sigmoid", 2, 1), "sigmoid"),
        "product of sigmoids": (with_end(lambda a, b: a * b, "sigmoid"), "sigmoid"),
        "both sides of a sigmoid": (with_end(both_sides, "sigmoid", 1, 1), "softmax"),
        "softmax by hand": (with_end(own_softmax, None, 1), "softmax"),
        "hard sigmoid": (with_end(lambda a: a, "hard_sigmoid", 1), "sigmoid"),
        "log softmax": (with_end(lambda a: a, "log_softmax", 1), "logits"),
        "tanh": (with_end(lambda a: a, "tanh", 1), "values"),
        "tanh from 0 to 1": (with_end(lambda a: a / 2 + 0.5, "tanh", 1), "sigmoid"),
        "relu": (with_end(lambda a: a, "relu", 1), "values"),
        "batch norm at the end": (
            with_end(lambda a: layers.BatchNormalization()(a), None, 1), "logits"),
        "unit length": (with_end(lambda a: layers.UnitNormalization()(a), None, 1), "values"),
        "hard silu embedding": (features("hard_silu"), "values"),
        "relu embedding": (features("relu"), "values"),
        "pooled scores": (features(None), "logits"),
        "nested sigmoids": (keras.Model(image, nested(image)), "sigmoid"),
    }  # fmt: skip


@pytest.mark.slow
def test_the_kind_is_found_through_arithmetic_in_every_form_of_file(tmp_path):
    for number, (name, (model, kind)) in enumerate(kinds().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        forms = (".keras", "folder") if number % FOLDER_EACH == 0 else (".keras",)
        found = {form: load_user_model(saved(model, form, folder)) for form in forms}
        said = {form: (one.output_kind, one.outputs_reason) for form, one in found.items()}
        assert {each for each, _ in said.values()} == {kind}, (name, said)


def test_a_map_and_several_outputs_are_values_with_a_kind_each(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input(SHAPE)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    mask = layers.Conv2D(2, 1, activation="softmax", name="mask")(x)
    row = layers.Dense(3, activation="softmax", name="label")(layers.GlobalAveragePooling2D()(x))
    found = load_user_model(
        saved(keras.Model(image, {"mask": mask, "a label": row}), ".keras", tmp_path)
    )
    assert found.output_kind == "values" and found.classes == 0
    named = {one.name: (one.shape, one.kind) for one in found.outputs}
    assert named == {"mask": ((16, 16, 2), "softmax"), "a_label": ((3,), "softmax")}


def test_logits_are_refused_where_the_activation_is_not_the_last_step(tmp_path):
    _, layers = keras_parts()
    model = with_end(lambda a, b: layers.Average()([a, b]))
    for form in (".keras", "folder"):
        path = saved(model, form, tmp_path)
        with pytest.raises(RequestError, match="LOGITS is 1, but MODEL ends in"):
            resolve(Options(model=str(path), logits=True)).load()


@pytest.mark.parametrize("form", [".keras", "folder"])
def test_logits_are_what_the_softmax_is_of(form, tmp_path):
    _, layers = keras_parts()
    model = with_end(lambda a: layers.Reshape((4,))(a), "softmax", 1)
    found = load_user_model(saved(model, form, tmp_path))
    images = np.random.default_rng(1).uniform(-1, 1, (3, *SHAPE)).astype(np.float32)
    exponents = np.exp(run(logits_of(found.keras_model, "softmax"), images))
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, run(model, images), atol=1e-5)


def test_outputs_says_what_the_model_does_not(tmp_path):
    path = str(saved(with_end(lambda a: a, None, 1), ".keras", tmp_path))
    assert resolve(Options(model=path)).load().output_kind == "logits"
    values = resolve(Options(model=path, outputs="values")).load()
    assert (values.output_kind, values.classes, values.output_names) == ("values", 0, ("values",))
    other = str(saved(features("relu"), ".h5", tmp_path))
    classes = resolve(Options(model=other, outputs="classes")).load()
    assert (classes.output_kind, classes.classes, classes.output_names) == (
        "logits",
        8,
        ("logits",),
    )


def test_one_number_without_an_activation_is_a_logit_and_a_note(tmp_path):
    path = str(saved(with_end(lambda a: a, None, 1, 1), ".keras", tmp_path))
    network = resolve(Options(model=path)).load()
    assert network.output_kind == "logits"
    assert any("OUTPUTS=values" in note for note in network.guesses)
    assert resolve(Options(model=path, outputs="values")).load().output_kind == "values"


def test_outputs_is_refused_where_it_cannot_be(tmp_path):
    keras, _ = keras_parts()
    with pytest.raises(RequestError, match="expected classes or values"):
        Options(outputs="both")
    with pytest.raises(RequestError, match="OUTPUTS goes with MODEL"):
        resolve(Options(outputs="values"))
    image, rows = heads("softmax")
    path = str(saved(keras.Model(image, rows), ".keras", tmp_path))
    with pytest.raises(RequestError, match=r"OUTPUTS is classes, but .* \[4\], \[4\]"):
        resolve(Options(model=path, outputs="classes")).load()
