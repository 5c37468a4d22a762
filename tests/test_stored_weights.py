"""A load is checked by itself: arrays of the file and weights of the model, one by one."""

import io
import zipfile

import h5py
import numpy as np
import pytest
from user_models import (
    functional,
    keras_parts,
    random_images,
    randomize,
    refusal,
    run,
    saved,
    small,
)

from models.keras_files.user_model import load_user_model

pytestmark = pytest.mark.usefixtures("fresh_keras")


def normalizing():
    """An adapted Normalization in a model within the model."""
    keras, layers = keras_parts()
    pixels = np.random.default_rng(2).uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    adapted = layers.Normalization()
    adapted.adapt(pixels)
    image = keras.Input((32, 32, 3))
    inner = keras.Model(image, adapted(image), name="inner")
    outer = keras.Sequential([keras.Input((32, 32, 3)), inner, small()])
    return outer, pixels


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_statistics_in_a_nested_model_are_those_of_the_file(form, tmp_path):
    model, pixels = normalizing()
    path = saved(model, form, tmp_path)
    expected = run(model, pixels)
    np.testing.assert_allclose(run(load_user_model(path).keras_model, pixels), expected, atol=1e-5)


def h5_edited(tmp_path, edit):
    """A model's .h5 file after ``edit(its group of weights)``."""
    path = saved(functional(), ".h5", tmp_path)
    with h5py.File(path, "r+") as file:
        edit(file["model_weights"])
    return path


def layer_group(weights, kind):
    return next(weights[name] for name in weights if name.startswith(kind))


def arrays(group):
    """The arrays of a layer by the last part of their names."""
    return {name.rpartition("/")[2]: group[name] for name in group.attrs["weight_names"]}


def test_an_h5_file_whose_weights_are_not_those_of_its_network_is_refused(tmp_path):
    def another_shape(weights):
        group = layer_group(weights, "conv2d")
        (name,) = group.attrs["weight_names"]
        del group[name]
        group[name] = np.zeros((3, 3, 3, 9), np.float32)

    def one_less(weights):
        group = layer_group(weights, "batch_norm")
        group.attrs["weight_names"] = group.attrs["weight_names"][:3]

    def without_a_layer(weights):
        names = [n for n in weights.attrs["layer_names"] if not n.startswith("dense")]
        weights.attrs["layer_names"] = names

    def of_another_layer(weights):
        weights.move(next(n for n in weights if n.startswith("dense")), "head")
        names = [n if not n.startswith("dense") else "head" for n in weights.attrs["layer_names"]]
        weights.attrs["layer_names"] = names

    def no_number(weights):
        arrays(layer_group(weights, "dense"))["bias"][0] = np.nan

    wanted = {
        another_shape: "kernel of layer 'conv2d",
        one_less: "has 3 weights in the file and 4 in its network",
        without_a_layer: "has no kernel in the file",
        of_another_layer: "weights of a layer 'head'",
        no_number: "bias of layer 'dense",
    }
    for edit, words in wanted.items():
        assert words in refusal(h5_edited(tmp_path, edit)), edit.__name__


def test_weights_of_a_layer_go_by_their_names_not_by_their_order(tmp_path):
    path = saved(functional(), ".h5", tmp_path)
    images = random_images(load_user_model(path))
    expected = run(load_user_model(path).keras_model, images)
    with h5py.File(path, "r+") as file:
        group = layer_group(file["model_weights"], "batch_norm")
        group.attrs["weight_names"] = group.attrs["weight_names"][::-1]
    np.testing.assert_array_equal(run(load_user_model(path).keras_model, images), expected)


def test_a_weight_that_keras_3_gave_no_name_goes_by_its_place(tmp_path):
    """Keras 2 called that of ConvNeXt's LayerScale gamma, as those of its norms."""
    from keras.src.applications.convnext import LayerScale

    keras, layers = keras_parts()
    image = keras.Input((8, 8, 3))
    inner = keras.Sequential([image, layers.LayerNormalization(), LayerScale(0.1, 3)])
    model = randomize(keras.Sequential([keras.Input((8, 8, 3)), inner, layers.Flatten()]))
    path = saved(model, ".h5", tmp_path)
    with h5py.File(path, "r+") as file:
        group = layer_group(file["model_weights"], "sequential")
        stored = [name for name in group.attrs["weight_names"] if name.endswith("variable")]
        named = [name.replace("variable", "gamma:0") for name in stored]
        assert len(stored) == 1
        group.move(stored[0], named[0])
        group.attrs["weight_names"] = [
            named[0] if name in stored else name for name in group.attrs["weight_names"]
        ]
    images = random_images(load_user_model(path))
    found = run(load_user_model(path).keras_model, images)
    np.testing.assert_allclose(found, run(model, images), atol=1e-6)


def archive_edited(tmp_path, edit):
    """A model's .keras file after ``edit(its file of weights)``."""
    path = saved(functional(), ".keras", tmp_path)
    edited = tmp_path / "edited.keras"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(edited, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "model.weights.h5":
                memory = io.BytesIO(content)
                with h5py.File(memory, "r+") as file:
                    edit(file["layers"])
                content = memory.getvalue()
            target.writestr(name, content)
    return edited


def test_an_archive_whose_weights_are_not_those_of_its_network_is_refused(tmp_path):
    def without_a_layer(layers):
        del layers["dense"]

    def of_another_layer(layers):
        layers.copy("dense", "dense_7")

    def one_less(layers):
        del layers["batch_normalization/vars/3"]

    def no_number(layers):
        layers["dense/vars/1"][0] = np.inf

    def another_shape(layers):
        del layers["dense/vars/1"]
        layers["dense/vars/1"] = np.zeros(5, np.float32)

    wanted = {
        without_a_layer: "has no kernel in the file",
        of_another_layer: "the file has weights of dense_7",
        one_less: "do not fit",
        no_number: "no finite numbers",
        another_shape: "do not fit",
    }
    for edit, words in wanted.items():
        assert words in refusal(archive_edited(tmp_path, edit)), edit.__name__


def test_a_load_that_leaves_a_weight_as_it_was_is_noticed(tmp_path, monkeypatch):
    """A fault of Keras's own loading would be in the files and in what they are compared with."""
    import keras

    path = saved(functional(), ".keras", tmp_path)
    monkeypatch.setattr(keras.layers.Dense, "load_own_variables", lambda self, store: None)
    assert "was not loaded" in refusal(path)


def test_a_network_without_weights_is_refused(tmp_path):
    path = saved(functional(), ".h5", tmp_path)
    with h5py.File(path, "r+") as file:
        del file["model_weights"]
    assert "a network without weights" in refusal(path)
    archive = saved(functional(), ".keras", tmp_path)
    bare = tmp_path / "bare.keras"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(bare, "w") as target:
        for name in ("config.json", "metadata.json"):
            target.writestr(name, source.read(name))
    assert "a network without weights" in refusal(bare)


def test_a_layer_registered_under_another_name_gets_its_weights(tmp_path):
    keras, layers = keras_parts()
    image = keras.Input((8, 8, 4))
    tokens = layers.Reshape((64, 4))(image)
    x = layers.GroupQueryAttention(4, 4, 2)(tokens, tokens)
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    found = load_user_model(saved(model, ".keras", tmp_path))
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-5)
