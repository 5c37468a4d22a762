"""Files that Keras 2.15 wrote give the numbers that Keras 2.15 gave, and are never touched."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from keras2_files.images import images
from test_user_model import assert_converts
from user_models import run

from models.keras_files.user_model import load_user_model

pytestmark = pytest.mark.usefixtures("fresh_keras")

FOLDER = Path(__file__).parent / "keras2_files"
EXPECTED = np.load(FOLDER / "expected.npz")
RES = {"no_fixed_size": 32}
CONVERTED = {
    "teachable_machine.h5", "operators.keras", "recurrent.h5", "channels_first.h5", "names.h5",
    "mixed_precision", "fixed_batch", "integers.h5",
}  # fmt: skip
QUICK = {"transfer.h5", "names.keras", "tf1"}
HALF = {"mixed_precision"}  # what Keras 2 said is itself off by float16's steps


def files():
    found = [
        path
        for path in sorted(FOLDER.iterdir())
        if path.suffix in (".h5", ".keras") or (path / "saved_model.pb").is_file()
    ]
    return [
        pytest.param(path, id=path.name, marks=() if path.name in QUICK else pytest.mark.slow)
        for path in found
    ]


def loaded(path):
    return load_user_model(path, RES.get(path.stem))


@pytest.mark.parametrize("path", files())
def test_a_file_of_keras_2_gives_what_keras_2_gave(path):
    before = path.stat().st_mtime_ns if path.is_file() else None
    found = loaded(path)
    name = path.stem
    shown = images(name)
    if name == "resized":  # of no fixed size: the size that its Resizing makes
        assert (found.height, found.width) == (24, 20)
        found = load_user_model(path, 40)
    tolerance = 5e-3 if name in HALF else 1e-4
    np.testing.assert_allclose(run(found.keras_model, shown), EXPECTED[name], atol=tolerance)
    assert before is None or path.stat().st_mtime_ns == before, "the user's file is never touched"
    if path.name in CONVERTED:
        assert_converts(found, found.keras_model, shown, run(found.keras_model, shown))


def test_what_was_changed_on_the_way_is_said():
    said = {
        "names.h5": "'block/conv' is block_conv",
        "mixed_precision.keras": "stored to compute in mixed_float16; built in float32",
        "recurrent.h5": "computed one by one",
        "in_training": "stored to run as in training: model/norm",
        "in_training.h5": "stored to run as in training: norm",
        "integers.keras": "input of type uint8",
        "channels_first.h5": "channels come first in the file",
        "resized.keras": "24x20, the size that its Resizing layer makes",
    }
    for name, note in said.items():
        assert any(note in found for found in loaded(FOLDER / name).notes), name
    assert loaded(FOLDER / "functional.h5").notes == ()


def test_channels_are_last_throughout_and_not_transposed_layer_by_layer():
    import keras

    model = loaded(FOLDER / "channels_first.h5").keras_model
    kinds = [type(operation).__name__ for operation in model.operations]
    assert "Transpose" not in kinds
    assert not any(isinstance(operation, keras.Model) for operation in model.operations)


def test_a_hard_sigmoid_of_keras_2_is_not_that_of_keras_3(tmp_path):
    """Keras 3 has another function under the name: the version in the file decides."""
    path = tmp_path / "activations.h5"
    path.write_bytes((FOLDER / "activations.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = b"3.5.0"
    shown = images("activations")
    as_keras3 = run(load_user_model(path).keras_model, shown)
    assert np.abs(as_keras3 - EXPECTED["activations"]).max() > 1e-3
