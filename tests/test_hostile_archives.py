"""Sizes that a .keras or .h5 file declares are looked at before anything of that size is made."""

import json
import os
import socket
import struct
import zipfile

import h5py
import numpy as np
import pytest
from hostile_files import archive, members_of, reconfigured
from user_models import functional, refusal, saved, small

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.keras_files.user_model import load_user_model
from models.networks.size_limits import MAX_PARAMETERS
from models.untrusted_files import free_memory
from models.weights.weights_file import read_layers

pytestmark = pytest.mark.usefixtures("fresh_keras")

ZEROS = bytes(128 << 20)
EVERY = 5  # of the places in a configuration that are damaged: each takes a fifth of a second


def archive_of(tmp_path, method=zipfile.ZIP_STORED, **further):
    """The members of a model's archive and ``further`` ones, in another archive."""
    path = saved(functional(), ".keras", tmp_path)
    return archive(tmp_path / "other.keras", {**members_of(path), **further}, method)


def refused(path, words):
    """Both readers of an archive refuse it by ``words``."""
    assert words in refusal(path)
    with pytest.raises(RequestError) as caught:
        read_layers(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def patched(path, flags=None, method=None):
    """The archive with another word in the headers of its first member, there and in the list."""
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.index(signature) + at
        if flags is not None:
            content[place : place + 2] = struct.pack("<H", flags)
        if method is not None:
            content[place + 2 : place + 4] = struct.pack("<H", method)
    path.write_bytes(content)
    return path


def test_zeros_packed_into_an_archive_are_not_unpacked(tmp_path):
    refused(archive_of(tmp_path, zipfile.ZIP_DEFLATED, assets=ZEROS), "or more in a file of")


def test_weights_packed_into_an_archive_are_not_unpacked(tmp_path):
    path = archive_of(tmp_path, zipfile.ZIP_DEFLATED, **{"model.weights.h5": ZEROS})
    refused(path, "or more in a file of")


def test_an_ordinary_archive_that_was_packed_again_is_read(tmp_path):
    path = archive_of(tmp_path, zipfile.ZIP_DEFLATED)
    assert load_user_model(path).classes
    assert read_layers(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_cannot_be_undone_piece_by_piece_is_refused(method, tmp_path):
    refused(archive_of(tmp_path, method), f"packed by method {method}")


def test_unknown_packing_is_refused(tmp_path):
    refused(patched(archive_of(tmp_path), method=97), "packed by method 97")


def test_an_encrypted_member_is_refused(tmp_path):
    refused(patched(archive_of(tmp_path), flags=1), "that is encrypted")


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = archive_of(tmp_path)
    with zipfile.ZipFile(path, "a") as target, pytest.warns(UserWarning):
        target.writestr("config.json", "{}")
    refused(path, "has a member 'config.json' twice")


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd"])
def test_a_member_outside_of_the_archive_is_refused(name, tmp_path):
    refused(archive_of(tmp_path, **{name: b"x"}), "outside of itself")


def test_more_members_than_a_model_has_are_refused(tmp_path):
    names = {f"assets/{number}": b"" for number in range(2000)}
    refused(archive_of(tmp_path, **names), "members; expected")


def test_a_member_that_unpacks_to_more_than_it_declares_is_read_no_further(tmp_path):
    path = archive_of(tmp_path, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        place = content.index(signature) + at
        content[place : place + 4] = struct.pack("<I", 10)
    path.write_bytes(content)
    assert "is truncated or damaged" in refusal(path)


# Configurations


def with_config(tmp_path, change, form=".keras"):
    return reconfigured(saved(functional(), form, tmp_path), change)


@pytest.mark.parametrize("form", [".keras", ".h5"])
@pytest.mark.parametrize("levels", [300, 100_000])
def test_a_configuration_too_deep_for_a_network_is_refused(levels, form, tmp_path):
    text = "[" * levels + "]" * levels
    path = saved(functional(), form, tmp_path)
    if form == ".keras":
        archive(path, {**members_of(path), "config.json": text.encode()})
    elif levels > 300:
        pytest.skip("HDF5 keeps at most 64 KB in an attribute of fixed length")
    else:
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = text
    assert "levels deep" in refusal(path)


@pytest.mark.parametrize("kind", [["Dense"], None, 7, {"a": 1}, True])
@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_class_name_that_is_no_text_is_refused(kind, form, tmp_path):
    def outermost(config):
        config["class_name"] = kind

    def of_a_layer(config):
        config["config"]["layers"][1]["class_name"] = kind

    for change in (outermost, of_a_layer):
        assert "a class name that is no text" in refusal(with_config(tmp_path, change, form))


@pytest.mark.parametrize(
    "kind", ["TFSMLayer", "StringLookup", "TextVectorization", "TorchModuleWrapper", "JaxLayer"]
)
def test_a_layer_that_reads_other_files_or_runs_code_is_refused(kind, tmp_path):
    """A vocabulary or a SavedModel by its path would be read from the reader's own files."""

    def change(config):
        layer = config["config"]["layers"][1]
        settings = {"name": "reading", "vocabulary": "/etc/passwd", "filepath": "/etc"}
        layer.update(class_name=kind, config=settings)

    line = refusal(with_config(tmp_path, change))
    assert f"{kind} 'conv2d', which runs code or reads other files" in line


def every_place(config):
    """(container, key) of every value in ``config``."""
    items = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in list(items):
        yield config, key
        if isinstance(value, dict | list):
            yield from every_place(value)


@pytest.mark.slow
def test_a_configuration_with_any_value_of_another_type_is_opened_or_refused_in_one_line(tmp_path):
    path = saved(small(before=()), ".keras", tmp_path)
    members = members_of(path)
    places = len(list(every_place(json.loads(members["config.json"]))))
    wrong = [None, [], {}, -1, "x", 1e300]
    for number in range(0, places, EVERY):
        config = json.loads(members["config.json"])
        container, key = list(every_place(config))[number]
        container[key] = wrong[number // EVERY % len(wrong)]
        archive(path, {**members, "config.json": json.dumps(config).encode()})
        try:
            load_user_model(path)
        except RequestError as error:
            assert "\n" not in str(error), (number, key)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_more_parameters_than_a_file_can_hold_are_refused_before_they_are_allocated(form, tmp_path):
    def change(config):
        dense = config["config"]["layers"][-1]
        dense["config"]["units"] = 10**12

    line = refusal(with_config(tmp_path, change, form))
    assert "has 9,000,000,000," in line and f"at most {MAX_PARAMETERS:,}" in line


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_an_input_larger_than_can_be_computed_with_is_refused(form, tmp_path):
    def change(config):
        settings = config["config"]["layers"][0]["config"]
        settings["batch_shape"] = [None, 100_000, 100_000, 3]

    line = refusal(with_config(tmp_path, change, form))
    assert "has an input of 100,000x100,000x3" in line


def test_a_size_that_is_asked_for_and_too_large_is_refused(tmp_path):
    from models import source

    path = saved(functional(), ".keras", tmp_path)
    with pytest.raises(RequestError, match="has an input of 100,000x100,000"):
        source.resolve(Options(model=str(path), res=100_000))


def with_layer(tmp_path, change):
    """A model with a maximum of its image's pixels, after ``change`` of how that is stored."""
    import keras

    image = keras.Input((8, 8, 3))
    rows = keras.ops.max(image, axis=(1, 2))
    path = saved(keras.Model(image, keras.layers.Dense(4)(rows)), ".keras", tmp_path)
    return reconfigured(path, lambda config: change(config["config"]["layers"][1]))


@pytest.mark.parametrize(
    "value",
    [
        {"module": "os", "class_name": "function", "config": "abort", "registered_name": "f"},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/x"}},
        {"class_name": "__lambda__", "config": {"value": "x"}},
        {"class_name": "__slice__", "config": {"start": {"a": 1}, "stop": 1, "step": 1}},
    ],
)
def test_an_argument_that_is_an_object_is_not_made(value, tmp_path):
    def change(layer):
        layer["inbound_nodes"][0]["kwargs"] = {"axis": value}

    assert "an argument of a layer is a" in refusal(with_layer(tmp_path, change))


def test_arguments_that_are_numbers_and_parts_of_arrays_are_taken(tmp_path):
    import keras

    image = keras.Input((8, 8, 3))
    x = image[:, 2:-2, ..., ::-1] * np.array([1, 2, 3], np.float32)
    model = keras.Model(image, keras.layers.Dense(4)(keras.ops.max(x, axis=(1, 2))))
    found = load_user_model(saved(model, ".keras", tmp_path)).keras_model
    images = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(found(images), model(images), atol=1e-5)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_calls_of_calls_are_counted_before_any_is_made(form, tmp_path):
    """Two calls of a model that calls one twice, and so on: 2**15 calls in a short file."""
    import keras

    def twice(inner):
        tensor = keras.Input((4,))
        return keras.Model(tensor, inner(inner(tensor)))

    image = keras.Input((8, 8, 4))
    tensor = keras.Input((4,))
    inner = twice(keras.Model(tensor, keras.layers.Dense(4)(tensor)))
    rows = keras.layers.GlobalAveragePooling2D()(image)
    path = saved(keras.Model(image, inner(rows)), form, tmp_path)

    def change(config):
        outer = next(la for la in config["config"]["layers"] if la["class_name"] == "Functional")
        for _ in range(14):
            wrapped = json.loads(json.dumps(outer))
            layers = wrapped["config"]["layers"]
            at = next(n for n, la in enumerate(layers) if la["class_name"] == "Functional")
            layers[at]["config"] = outer["config"]
            outer["config"] = wrapped["config"]

    assert "calls of layers, at most 20,000" in refusal(reconfigured(path, change))


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_more_steps_than_can_be_written_out_are_refused(form, tmp_path):
    import keras

    image = keras.Input((64, 64, 3))
    steps = keras.layers.Reshape((4096, 3))(image)
    rows = keras.layers.Bidirectional(keras.layers.GRU(4))(steps)
    path = saved(keras.Model(image, keras.layers.Dense(4)(rows)), form, tmp_path)
    assert "takes 4,096 steps; expected at most 1,000" in refusal(path)


@pytest.mark.skipif(not free_memory.FACTS.exists(), reason="the system does not tell the memory")
@pytest.mark.parametrize("form", [".keras", ".h5", "folder"])
@pytest.mark.parametrize("kind", ["UpSampling2D", "Resizing", "ZeroPadding2D"])
def test_a_network_that_memory_cannot_hold_is_refused_before_it_runs(kind, form, tmp_path):
    import keras

    image = keras.Input((16, 16, 3))
    sizes = (400_000, 400_000) if kind == "Resizing" else (25_000,)
    rows = keras.layers.GlobalAveragePooling2D()(getattr(keras.layers, kind)(*sizes)(image))
    path = saved(keras.Model(image, keras.layers.Dense(4)(rows)), form, tmp_path)
    line = refusal(path)
    assert f"MODEL '{path}' makes (" in line and "MB are free" in line


# What is no regular file


def special_files(folder):
    os.mkfifo(folder / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket"))
    listening.close()
    (folder / "device").symlink_to("/dev/zero")
    (folder / "folder").mkdir()
    return {"pipe": "a named pipe", "socket": "a socket", "device": "a device"}


def test_a_pipe_a_socket_or_a_device_in_the_place_of_a_file_is_refused(tmp_path, monkeypatch):
    from models import source
    from models.data.dataset import ImageSize, open_dataset
    from models.opened_file import open_model_file

    monkeypatch.chdir(tmp_path)  # the name of a socket has at most 108 bytes
    kinds = special_files(tmp_path)
    openers = {
        ".keras": lambda path: source.resolve(Options(model=str(path))),
        ".h5": load_user_model,
        ".weights.h5": read_layers,
        ".tflite": open_model_file,
        ".onnx": lambda path: source.resolve(Options(file=str(path))),
        ".npz": lambda path: open_dataset(str(path), "CALIB", ImageSize(8, 8, 3), None),
    }
    for suffix, opener in openers.items():
        for name, words in kinds.items():
            path = tmp_path / f"m{suffix}"
            path.symlink_to(tmp_path / name)
            with pytest.raises(RequestError) as caught:
                opener(path)
            assert f"is {words}; expected" in str(caught.value), suffix
            path.unlink()
    with pytest.raises(RequestError, match="is a folder; expected"):
        read_layers(tmp_path / "folder")


def test_a_link_to_a_file_is_the_file(tmp_path):
    path = saved(functional(), ".keras", tmp_path)
    link = tmp_path / "link.keras"
    link.symlink_to(path)
    assert load_user_model(link).classes
    assert read_layers(link)


def test_an_image_or_a_list_of_classes_that_is_a_pipe_is_refused(tmp_path):
    from models.data.dataset import ImageSize, open_dataset

    picture = tmp_path / "photos/cat/one.jpg"
    picture.parent.mkdir(parents=True)
    picture.touch()
    found = open_dataset(str(tmp_path / "photos"), "CALIB", ImageSize(8, 8, 3), None)
    picture.unlink()
    os.mkfifo(picture)  # after it was listed
    for read in (found.images, found.content_hash):
        with pytest.raises(RequestError, match=r"one\.jpg: it is a named pipe; expected a file"):
            list(read([0]))
    with pytest.raises(RequestError, match=r"one\.jpg is a named pipe; expected folders and image"):
        open_dataset(str(tmp_path / "photos"), "CALIB", ImageSize(8, 8, 3), None)
    picture.unlink()
    os.mkfifo(tmp_path / "photos/classes.txt")
    with pytest.raises(RequestError, match=r"classes\.txt is a named pipe"):
        open_dataset(str(tmp_path / "photos"), "DATA", ImageSize(8, 8, 3), 2)


def test_a_folder_that_is_no_saved_model_is_refused_before_all_in_it_is_read(tmp_path):
    from models import source

    (tmp_path / "saved_model.pb").mkdir()
    with pytest.raises(RequestError, match=r"is a folder without saved_model\.pb"):
        source.resolve(Options(model=str(tmp_path)))
