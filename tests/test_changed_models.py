"""Models that TFLite does not take as they are change on the way, to the same numbers."""

from itertools import product

import numpy as np
import pytest
from user_models import keras_parts, random_images, randomize, refusal, run, saved, small

from models.command_line.errors import RequestError
from models.keras_files.user_model import load_user_model

pytestmark = pytest.mark.usefixtures("fresh_keras")
POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


def of_input(*shape, before=(), **kwargs):
    keras, layers = keras_parts()
    given = keras.Input(shape or None, **kwargs)
    x = given
    for layer in before:
        x = layer(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    return randomize(keras.Model(given, layers.Dense(3)(x)))


def assert_same(found, original, images=None, note=None, atol=1e-5):
    images = random_images(found) if images is None else images
    np.testing.assert_allclose(run(found.keras_model, images), run(original, images), atol=atol)
    if note is not None:
        assert any(note in each for each in found.notes), found.notes


@pytest.mark.parametrize("form", [".keras", ".h5", "folder"])
def test_a_fixed_batch_becomes_free(form, tmp_path):
    model = of_input(batch_shape=(3, 32, 32, 3))
    assert_same(load_user_model(saved(model, form, tmp_path)), model)


@pytest.mark.parametrize("form", [".keras", ".h5", "folder"])
def test_an_input_of_no_fixed_size_has_that_of_res(form, tmp_path):
    model = of_input(None, None, 3)
    path = saved(model, form, tmp_path)
    assert "say the size it was trained at, e.g. RES=224" in refusal(path)
    found = load_user_model(path, 48)
    assert (found.height, found.width, found.channels) == (48, 48, 3)
    assert_same(found, model)


def test_an_input_of_no_fixed_size_has_that_of_its_resizing_or_of_its_networks_name(tmp_path):
    keras, layers = keras_parts()
    resized = of_input(None, None, 3, before=[layers.Resizing(40, 24)])
    found = load_user_model(saved(resized, ".keras", tmp_path))
    assert (found.height, found.width) == (40, 24)
    assert_same(found, resized, note="40x24")
    backbone = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(160, 160, 3), alpha=0.25, pooling="avg"
    )
    any_size = keras.Input((None, None, 3))
    named = keras.Sequential(
        [any_size, keras.Model(backbone.input, backbone.output, name=backbone.name)]
    )
    found = load_user_model(saved(named, ".keras", tmp_path))
    assert (found.height, found.width) == (160, 160)


def test_res_that_the_model_contradicts_is_refused(tmp_path):
    path = saved(small(), ".keras", tmp_path)
    with pytest.raises(RequestError, match=r"RES is 48, but MODEL .* has an input of 32x32"):
        load_user_model(path, 48)
    assert load_user_model(path, 32).height == 32


@pytest.mark.parametrize(
    ("form", "dtype"),
    [(".keras", "uint8"), (".keras", "int32"), (".h5", "uint8"), ("folder", "int32")],
)
def test_whole_numbers_are_taken_as_float32(form, dtype, tmp_path):
    _, layers = keras_parts()
    model = of_input(32, 32, 3, dtype=dtype, before=[layers.Rescaling(1 / 255)])
    found = load_user_model(saved(model, form, tmp_path))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3))
    expected = run(model, pixels.astype(dtype))
    np.testing.assert_allclose(
        run(found.keras_model, pixels.astype(np.float32)), expected, atol=1e-5
    )
    assert any(f"input of type {dtype}" in note for note in found.notes)


@pytest.mark.parametrize(
    ("form", "policy"), [*product((".keras", ".h5"), POLICIES), *product(["folder"], POLICIES[::3])]
)
def test_reduced_precision_is_built_in_float32(form, policy, tmp_path):
    keras, _ = keras_parts()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = of_input(32, 32, 3)
        path = saved(model, form, tmp_path)
        weights = [np.asarray(weight).astype(np.float32) for weight in model.weights]
    finally:
        keras.config.set_dtype_policy(before)
    exact = of_input(32, 32, 3)
    exact.set_weights(weights)
    assert_same(load_user_model(path), exact, note="float32")


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_any_count_of_channels_is_taken(channels, tmp_path):
    model = of_input(32, 32, channels)
    found = load_user_model(saved(model, ".keras", tmp_path))
    assert found.channels == channels
    assert_same(found, model)


def channels_first(mixing_axes):
    keras, layers = keras_parts()
    given = keras.Input((3, 20, 24))
    x = layers.Conv2D(4, 3, data_format="channels_first")(given)
    x = layers.BatchNormalization(axis=1)(x)
    x = layers.MaxPooling2D(2, data_format="channels_first")(x)
    x = layers.Flatten()(x) if mixing_axes else layers.Flatten(data_format="channels_first")(x)
    return randomize(keras.Model(given, layers.Dense(3)(x)))


@pytest.mark.parametrize("form", [".keras", ".h5"])
@pytest.mark.parametrize("mixing_axes", [False, True])
def test_channels_that_come_first_come_last(form, mixing_axes, tmp_path):
    """Also where a layer mixes the axes, so that the rest cannot simply be turned around."""
    keras, _ = keras_parts()
    model = channels_first(mixing_axes)
    found = load_user_model(saved(model, form, tmp_path))
    assert (found.height, found.width, found.channels) == (20, 24, 3)
    images = random_images(found)
    last = keras.Sequential(
        [
            keras.Input((20, 24, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(2),
            keras.layers.Permute((3, 1, 2)) if mixing_axes else keras.layers.Identity(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    last.set_weights(model.get_weights())
    np.testing.assert_allclose(run(found.keras_model, images), run(last, images), atol=1e-5)
    assert any("channels come first" in note for note in found.notes)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_names_that_tensorflow_does_not_take_are_replaced(form, tmp_path):
    from models.keras_files.float_graph import convert

    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3), name="das bild")
    x = layers.Conv2D(4, 3, name="größe eins")(image)
    x = layers.Conv2D(4, 3, name="größe-eins")(layers.BatchNormalization(name="1. schicht")(x))
    x = layers.Conv2D(4, 3, name="日本")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU(name="_hidden")(x))
    model = randomize(keras.Model(image, layers.Dense(3, name="ergebnis ✓")(x), name="mein netz"))
    found = load_user_model(saved(model, form, tmp_path))
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-6)
    assert any("'größe eins' is gro" in note for note in found.notes)
    assert convert(found.keras_model, 16, 16, 3)


def test_layers_called_as_in_training_run_as_in_use(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3)(image)
    x = layers.BatchNormalization(name="norm")(x, training=True)
    x = layers.Dropout(0.5, name="drop")(x, training=True)
    model = randomize(keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling2D()(x))))
    found = load_user_model(saved(model, ".keras", tmp_path))
    images = random_images(found)
    first, second = run(found.keras_model, images), run(found.keras_model, images[:1])
    np.testing.assert_allclose(first[:1], second, atol=1e-6)
    assert any("as in training: norm, drop" in note for note in found.notes)


def test_code_that_only_training_needs_is_no_obstacle(tmp_path):
    keras, layers = keras_parts()

    @keras.saving.register_keras_serializable(package="shop")
    class Pull(keras.regularizers.Regularizer):
        def __call__(self, x):
            return 0.1 * keras.ops.sum(x * x)

        def get_config(self):
            return {}

    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, kernel_regularizer=Pull(), kernel_initializer="he_normal")(image)
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    model.compile(loss=lambda y, p: keras.ops.mean(p))
    try:
        paths = [saved(model, form, tmp_path) for form in (".keras", ".h5")]
    finally:
        keras.saving.get_custom_objects().clear()
    for path in paths:
        assert_same(load_user_model(path), model)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_shared_layers_and_models_stay_shared(form, tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3))
    inner_in = keras.Input((14, 14, 4))
    inner = keras.Model(inner_in, layers.Conv2D(4, 3)(inner_in))
    conv = layers.Conv2D(4, 3)
    a, b = inner(conv(image)), inner(conv(image[:, :, ::-1]))
    joined = layers.Maximum()([a, b - a * 0.5])
    row = layers.Dense(3)(layers.GlobalAveragePooling2D()(joined))
    model = randomize(keras.Model(image, row))
    found = load_user_model(saved(model, form, tmp_path))
    assert_same(found, model)
    assert len(found.keras_model.weights) == len(model.weights)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_layers_within_layers_load(form, tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((8, 6, 2))
    x = layers.Reshape((8, 12))(image)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    y = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, 3)(y, y)
    x = layers.TimeDistributed(layers.Dense(4, activation=layers.LeakyReLU(0.2)))(x)
    x = layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(3)])(x)
    model = randomize(keras.Model(image, layers.Dense(3, activation="softmax")(x)))
    found = load_user_model(saved(model, form, tmp_path))
    assert_same(found, model)


@pytest.mark.parametrize("form", [".keras", ".h5", "folder"])
def test_grey_images_without_a_channel_axis_get_one(form, tmp_path):
    keras, layers = keras_parts()
    model = keras.Sequential(
        [keras.Input((12, 10)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    )
    found = load_user_model(saved(randomize(model), form, tmp_path))
    assert (found.height, found.width, found.channels) == (12, 10, 1)
    images = np.random.default_rng(3).uniform(0, 255, (4, 12, 10, 1)).astype(np.float32)
    np.testing.assert_allclose(
        run(found.keras_model, images), run(model, images[..., 0]), atol=1e-5
    )
    assert "input of shape [12, 10]: takes grey images [12, 10, 1]" in found.notes


@pytest.mark.parametrize("form", [".keras", "folder"])
def test_outputs_given_twice_or_of_integers_are_left_out_and_named(form, tmp_path):
    keras, _ = keras_parts()
    model = of_input(32, 32, 3)
    row = model.output
    given = {"scores": row, "best": keras.ops.argmax(row, -1)}
    if form == ".keras":  # a SavedModel does not tell that two are the same
        given["again"] = row
    found = load_user_model(saved(keras.Model(model.input, given), form, tmp_path))
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-5)
    said = " ".join(found.notes)
    assert "best is of type int" in said
    assert ("is the same as one before it" in said) == (form == ".keras")


def test_a_cast_keeps_the_type_that_it_is_to(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3))
    bright = keras.ops.cast(image > 0.5, "float32")
    rounded = keras.ops.cast(keras.ops.cast(image * 3, "int32"), "float32")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image * bright + rounded))
    model = randomize(keras.Model(image, layers.Dense(3)(x)))
    assert_same(load_user_model(saved(model, ".keras", tmp_path)), model)


def test_preprocessing_is_not_said_to_run_as_in_training(tmp_path):
    _, layers = keras_parts()
    model = small(before=[layers.Resizing(32, 32), layers.CenterCrop(32, 32)])
    assert load_user_model(saved(model, ".keras", tmp_path)).notes == ()


def test_steps_of_convolutions_are_computed_one_by_one(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((8, 8, 3))
    steps = layers.Reshape((2, 4, 8, 3))(image)
    x = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(4, 3)(steps))
    model = randomize(keras.Model(image, layers.Dense(3)(x)))
    assert_same(load_user_model(saved(model, ".keras", tmp_path)), model, note="one by one")


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_levels_that_are_looked_up_in_a_table_are_found(form, tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((8, 8, 3))
    levels = layers.Discretization([-0.5, 0.0, 0.5])(image)
    x = layers.Reshape((8, 8, 6))(layers.Embedding(4, 2)(levels))
    model = randomize(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))
    assert_same(load_user_model(saved(model, form, tmp_path)), model)
