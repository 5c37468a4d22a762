"""The scaling of pixels that a model was made for: one rule, whatever form of file it is in."""

import numpy as np
import pytest
from user_models import CLASSES, keras_parts, randomize, saved

from models.command_line.options import Options
from models.keras_files.user_model import load_user_model
from models.networks.input_scaling import RAW, SIGNED, UNIT, judge
from models.networks.spec import Preprocess
from models.source import resolve

AS_FOLDERS = ("plain", "caffe", "batch norm of pixels", "nested rescaling")  # seconds to open each
CAFFE_MEAN = np.float32([103.939, 116.779, 123.68])


def affine(slope, offset):
    return lambda level: level * np.float32(slope) + np.float32(offset)


@pytest.mark.parametrize(
    ("ahead", "preprocess", "is_guess"),
    [
        (None, SIGNED, True),
        (affine(1, 0), SIGNED, True),
        (affine(1 / 255, 0), RAW, False),
        (affine(1 / 127.5, -1), RAW, False),
        (affine(1, -CAFFE_MEAN), RAW, False),
        (affine(-1 / 255, 1), RAW, False),
        (affine(1 / 60, -2), RAW, False),
        (affine(2, -1), UNIT, True),
        (affine(1 / 0.225, -0.45 / 0.225), UNIT, True),
        (affine(255, 0), UNIT, True),
        (affine(127.5, 127.5), SIGNED, True),
        (affine(2, 0.1), SIGNED, True),
        (lambda level: np.clip(np.float32([2 * level - 1]), -1, 1), UNIT, True),
        (lambda level: np.float32([level**2]) / 255, RAW, True),
        (lambda level: np.zeros(3, np.float32), RAW, True),
        (lambda level: np.float32([0.9 - 6e-7 * level]), RAW, True),  # grey, normalized by itself
    ],
)  # fmt: skip
def test_what_a_model_does_to_grey_levels_tells_what_it_was_made_for(ahead, preprocess, is_guess):
    found = judge(ahead)
    assert (found.preprocess, found.is_guess) == (preprocess, is_guess), str(found)


def test_padding_and_dead_channels_say_nothing():
    def ahead(level):
        return np.float32([[0, 0, 0], [level / 255, 0, level / 255], [0, 0, 0]])

    assert judge(ahead).preprocess == RAW


def test_scale_and_offset_that_are_given_win():
    found = judge(affine(1 / 255, 0)).given(0.5, 2.0)
    assert found.preprocess == Preprocess(0.5, 2.0)
    assert not found.is_guess
    half = judge(affine(1, 0)).given(0.5, None)
    assert half.preprocess == Preprocess(0.5, -1.0)
    assert half.is_guess and "OFFSET is not given" in half.reason


def classifier(*before, shape=(32, 32, 3)):
    """A small classifier with ``before``, layers or functions, ahead of its convolution."""
    keras, layers = keras_parts()
    image = keras.Input(shape)
    x = image
    for step in before:
        x = step(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def batch_norm(mean, variance):
    """A classifier that begins with a batch norm of those statistics."""
    _, layers = keras_parts()
    first = layers.BatchNormalization()
    model = randomize(classifier(first))
    first.moving_mean.assign(np.full(3, mean, np.float32))
    first.moving_variance.assign(np.full(3, variance, np.float32))
    return model


def caffe():
    """Mean subtraction and a channel swap, as ResNets are fed."""
    keras, _ = keras_parts()
    return classifier(lambda x: keras.ops.flip(x, -1), lambda x: x - CAFFE_MEAN)


def nested(*before):
    """A classifier whose backbone is a model of its own, with ``before`` inside of it."""
    keras, layers = keras_parts()
    image = keras.Input((32, 32, 3))
    inside = image
    for step in before:
        inside = step(inside)
    backbone = keras.Model(image, layers.Conv2D(8, 3, activation="relu")(inside))
    x = layers.GlobalAveragePooling2D()(backbone(image))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def models():
    """By name: a model, and what it is to be fed."""
    keras, layers = keras_parts()
    applications = keras.applications
    return {
        "plain": (classifier(), SIGNED),
        "rescaling": (classifier(layers.Rescaling(1 / 255)), RAW),
        "rescaling of 0 to 1": (classifier(layers.Rescaling(2.0, -1.0)), UNIT),
        "to bytes": (classifier(layers.Rescaling(255.0)), UNIT),
        "bytes, then scaled": (
            nested(layers.Rescaling(255.0), layers.Rescaling(1 / 127.5, -1)), UNIT),
        "normalization": (
            classifier(layers.Normalization(mean=[123.0, 117, 104], variance=[3400.0, 3300, 3400])),
            RAW,
        ),
        "normalization of 0 to 1": (
            classifier(layers.Normalization(mean=[0.48, 0.46, 0.41], variance=[0.05, 0.05, 0.05])),
            UNIT,
        ),
        "arithmetic": (classifier(lambda x: x / 127.5 - 1), RAW),
        "caffe": (caffe(), RAW),
        "preprocess_input": (classifier(applications.mobilenet_v2.preprocess_input), RAW),
        "batch norm of pixels": (batch_norm(120.0, 3600.0), RAW),
        "batch norm of 0 to 1": (batch_norm(0.45, 0.06), UNIT),
        "batch norm of -1 to 1": (batch_norm(0.02, 0.3), SIGNED),
        "resized and padded": (
            classifier(layers.Resizing(24, 24), layers.ZeroPadding2D(2), layers.Rescaling(1 / 255)),
            RAW,
        ),
        "nested rescaling": (nested(layers.Rescaling(1 / 255)), RAW),
        "pooled first": (classifier(layers.AveragePooling2D(2)), SIGNED),
        "augmented": (classifier(layers.RandomFlip(seed=1), layers.Rescaling(1 / 255)), RAW),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_keras")
def test_every_form_of_file_gets_the_same_scaling(tmp_path):
    for number, (name, (model, preprocess)) in enumerate(models().items()):
        found = []
        folder = tmp_path / str(number)
        folder.mkdir()
        for form in (".keras", ".h5", "folder"):
            if (name, form) == ("caffe", ".h5"):
                continue  # .h5 files hold no operations
            if form == "folder" and name not in AS_FOLDERS:
                continue
            found.append(load_user_model(saved(model, form, folder)).scaling)
        assert {one.preprocess for one in found} == {preprocess}, (
            name,
            [str(one) for one in found],
        )
        assert len({str(one) for one in found}) == 1, name


@pytest.mark.usefixtures("fresh_keras")
def test_a_network_says_how_it_is_fed_and_when_that_is_a_guess(tmp_path):
    path = saved(classifier(), ".keras", tmp_path)
    guessed = resolve(Options(model=str(path))).load()
    assert any("is a guess" in note for note in guessed.guesses)
    given = resolve(Options(model=str(path), scale=1.0, offset=0.0)).load()
    assert given.preprocess == RAW and not given.guesses


@pytest.mark.parametrize("form", [".keras", "folder"])
def test_it_is_found_ahead_of_a_grouped_convolution(form, tmp_path):
    """Keras compiles it, as a function of its own, in a SavedModel."""
    keras, layers = keras_parts()
    image = keras.Input((16, 16, 3))
    x = layers.ZeroPadding2D()(image / 127.5 - 1)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, groups=3, activation="elu")(x))
    model = randomize(keras.Model(image, layers.Dense(CLASSES)(x)))
    found = load_user_model(saved(model, form, tmp_path))
    assert (found.scaling.preprocess, found.scaling.is_guess) == (RAW, False)
    images = np.random.default_rng(3).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(found.keras_model(images)), np.asarray(model(images)), atol=1e-4
    )
