"""Files of Keras 2 load with the same numbers and are never touched."""

import copy
import json
import zipfile

import h5py
import numpy as np
import pytest
from user_models import functional, random_images, run, saved, with_preprocess_input

from models.keras_files.user_model import load_user_model

pytestmark = pytest.mark.usefixtures("fresh_keras")


def keras2_config(config):
    """``config`` in the form of Keras 2.15: no modules, list nodes, ``groups``, axis as a list."""
    made = copy.deepcopy(config)
    for layer in made["config"]["layers"]:
        settings = layer["config"]
        for key in ("dtype", "autocast", "optional", "ragged"):
            settings.pop(key, None)
        settings["dtype"] = "float32"
        if layer["class_name"] == "InputLayer":
            settings["batch_input_shape"] = settings.pop("batch_shape")
            settings["sparse"] = settings["ragged"] = False
        if layer["class_name"] == "DepthwiseConv2D":
            settings["groups"] = 1
        if layer["class_name"] == "BatchNormalization":
            settings["axis"] = [3]
            for key in ("renorm", "synchronized"):
                settings.pop(key, None)
        for key, value in settings.items():
            if isinstance(value, dict) and "class_name" in value:
                settings[key] = {"class_name": value["class_name"], "config": value["config"]}
        operation = {"TrueDivide": "math.truediv", "Subtract": "math.subtract"}
        nodes = []
        for node in layer["inbound_nodes"]:
            source = node["args"][0]["config"]["keras_history"]
            if layer["class_name"] in operation:
                nodes.append([*source, {"y": node["args"][1], "name": None}])
            else:
                nodes.append([[*source, {}]])
        layer["inbound_nodes"] = nodes
        if layer["class_name"] in operation:
            settings["function"] = operation[layer["class_name"]]
            layer["class_name"] = "TFOpLambda"
    return made


@pytest.mark.parametrize("builder", [functional, with_preprocess_input])
def test_a_keras_2_h5_file_loads_with_the_same_numbers(builder, tmp_path):
    original = builder()
    path = tmp_path / "keras2.h5"
    original.save(path)
    with h5py.File(path, "r+") as file:
        config = keras2_config(json.loads(file.attrs["model_config"]))
        text = json.dumps(config)
        assert '"groups": 1' in text
        assert '"batch_input_shape"' in text
        file.attrs["model_config"] = text.encode()
        file.attrs["keras_version"] = b"2.15.0"
        file["model_weights"].attrs["keras_version"] = b"2.15.0"
    content = path.read_bytes()
    found = load_user_model(path)
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(original, images), atol=1e-6)
    assert found.has_preprocessing == (builder is with_preprocess_input)
    assert path.read_bytes() == content, "the user's file is never touched"


def test_a_keras_archive_of_tensorflow_2_loads(tmp_path):
    original = functional()
    path = saved(original, ".keras", tmp_path)
    edit_archive(path, lambda config: config.update(module="keras.src.engine.functional"))
    found = load_user_model(path)
    images = random_images(found)
    np.testing.assert_allclose(run(found.keras_model, images), run(original, images), atol=1e-6)


def edit_archive(path, edit):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    edit(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
