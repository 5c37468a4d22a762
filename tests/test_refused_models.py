"""Models with code of their own, of another shape or damaged are refused in one line."""

import numpy as np
import pytest
from user_models import functional, keras_parts, refusal, saved, small

from models.command_line.errors import RequestError
from models.keras_files.user_model import load_user_model

pytestmark = pytest.mark.usefixtures("fresh_keras")


def models_refused():
    """(what the line must say, model) for every shape of model that is no image classifier."""
    keras, layers = keras_parts()
    image = keras.Input((32, 32, 3), name="photo")
    features = layers.Conv2D(4, 3)(image)
    pooled = layers.GlobalAveragePooling2D()(features)
    row = layers.Dense(3)(pooled)
    depth = keras.Input((32, 32, 1), name="depth")
    joined = layers.Concatenate()([image, depth])
    joined_row = layers.Dense(3)(layers.GlobalAveragePooling2D()(joined))

    any_size = keras.Input((None, None, 3))
    any_row = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(any_size))
    vector = keras.Input((10,))
    return [
        ("has 2 inputs (photo, depth)", keras.Model([image, depth], joined_row)),
        ("no fixed size, (None, None, None, 3)", keras.Model(any_size, any_row)),
        ("an input of shape (None, 10)", keras.Model(vector, layers.Dense(3)(vector))),
        ("an output of type int32", keras.Model(image, keras.ops.argmax(row, axis=-1))),
    ]


def test_models_that_are_no_image_classifier_are_refused_naming_what_was_found(tmp_path):
    for message, model in models_refused():
        assert message in refusal(saved(model, ".keras", tmp_path))


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_by_name_and_never_run(form, tmp_path):
    _, layers = keras_parts()
    model = small(before=[layers.Lambda(lambda x: x * 2, name="double", output_shape=(32, 32, 3))])
    line = refusal(saved(model, form, tmp_path))
    assert "a Lambda layer 'double'" in line
    assert "MODEL=folder" in line


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_custom_layer_is_refused_by_name(form, tmp_path):
    _, layers = keras_parts()

    class Doubling(layers.Layer):
        def call(self, x):
            return x * 2

    line = refusal(saved(small(before=[Doubling(name="mine")]), form, tmp_path))
    assert "Doubling 'mine'" in line


def test_a_model_class_of_the_users_own_is_refused_by_name(tmp_path):
    keras, layers = keras_parts()

    class Mine(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(keras.ops.mean(x, (1, 2)))

    model = Mine(name="net")
    model(np.zeros((1, 8, 8, 3), np.float32))
    assert "Mine" in refusal(saved(model, ".keras", tmp_path))


def test_a_lambda_as_activation_is_refused_by_name(tmp_path):
    model = small(ending=lambda x: x * 2)
    assert "Python code" in refusal(saved(model, ".keras", tmp_path))


def test_a_registered_custom_activation_is_refused_by_name(tmp_path):
    keras, _ = keras_parts()

    @keras.saving.register_keras_serializable(package="shop")
    def wobble(x):
        return keras.ops.sin(x)

    try:
        assert "shop>wobble" in refusal(saved(small(ending=wobble), ".keras", tmp_path))
    finally:
        keras.saving.get_custom_objects().clear()


def test_files_that_are_no_whole_model_are_refused_in_one_line(tmp_path):
    model = functional()
    whole, archive = saved(model, ".h5", tmp_path), saved(model, ".keras", tmp_path)
    weights = tmp_path / "only.weights.h5"
    model.save_weights(weights)
    folder = tmp_path / "pictures"
    folder.mkdir()
    renamed = tmp_path / "model.tflite"
    renamed.write_bytes(b"TFL3")
    bad = {
        "neither a Keras archive nor HDF5": (tmp_path / "text.keras", b"just text\n"),
        "is empty": (tmp_path / "empty.keras", b""),
        "is truncated or damaged": (
            tmp_path / "half.keras",
            archive.read_bytes()[: archive.stat().st_size // 2],
        ),
        "damaged": (tmp_path / "half.h5", whole.read_bytes()[: whole.stat().st_size // 2]),
    }
    for message, (path, content) in bad.items():
        path.write_bytes(content)
        assert message in refusal(path)
    assert "does not exist" in refusal(tmp_path / "nowhere.keras")
    assert "weights but no network" in refusal(weights)
    assert "a folder without saved_model.pb" in refusal(folder)
    assert "the suffix '.tflite'" in refusal(renamed)
    (folder / "saved_model.pb").write_bytes(b"\xff\xff not a graph")
    assert "damaged saved_model.pb" in refusal(folder)


def test_an_archive_with_a_spoilt_byte_is_refused(tmp_path):
    path = saved(functional(), ".keras", tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "MODEL" in refusal(path)


def test_a_layer_that_keras_quantized_is_refused_by_name(tmp_path):
    model = small()
    model.quantize("int8")
    line = refusal(saved(model, ".keras", tmp_path))
    assert "Keras quantized layer" in line and "expected the model before model.quantize" in line


def test_what_a_layer_raises_is_said_and_not_only_that_it_did(tmp_path):
    _, layers = keras_parts()
    model = small(before=[layers.Conv2D(3, 1, activation="threshold")])
    with pytest.raises(RequestError) as caught:
        load_user_model(saved(model, ".keras", tmp_path))
    line = str(caught.value)
    assert "\n" not in line and "missing 2 required positional arguments" in line
