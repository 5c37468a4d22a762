"""The images that distillation trains on: TRAIN, or those to calibrate on; and what is refused."""

import numpy as np
import pytest
from in_process import call
from PIL import Image
from test_bad_requests import refused

from export.artifact import Manifest
from export.image_sets import open_image_sets
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.dataset import ImageSize
from models.source import resolve
from quantize.methods.plan import Plan
from quantize.methods.training_images import check_training

SIZE = ImageSize(24, 24, 3)
TRAINS = "min-max,distillation"


def arrays(path, count, seed, **more):
    rng = np.random.default_rng(seed)
    np.savez(path, x=rng.integers(0, 255, (count, 24, 24, 3), np.uint8), **more)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """A folder with images of each purpose and a network of three classes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.keras").touch()
    arrays("evaluate.npz", 60, 1, y=np.arange(60) % 3)
    arrays("calibrate.npz", 40, 2)
    arrays("few.npz", 20, 3)
    arrays("train.npz", 50, 4, y=np.arange(50) % 3)
    arrays("unlabelled.npz", 50, 5)
    arrays("other_labels.npz", 50, 6, y=np.arange(50) % 4)
    return tmp_path


def training(classes=3, **asked):
    asked = {"data": "evaluate.npz", "calib": "calibrate.npz", "methods": TRAINS, **asked}
    options = Options(model="own.keras", **asked)
    plan = Plan.parse(options.methods, 30)
    check_training(options, plan)
    return open_image_sets(options, resolve(options), plan, SIZE, classes).training


def test_without_train_the_calibration_images_are_trained_on():
    found = training()
    assert found.images.name == "calibrate.npz" and len(found.indices) == 40
    assert not found.learned and found.steps == 256
    assert training(methods="auto") is None


def test_train_may_have_labels_and_need_not():
    for name in ("train.npz", "unlabelled.npz"):
        found = training(train=name, steps=7)
        assert found.images.name == name and len(found.indices) == 50
        assert not found.learned and found.steps == 7
    assert training(train="train.npz", train_labels=True).learned


def test_the_fingerprint_knows_images_labels_and_steps():
    asked = [{}, {"train": "train.npz"}, {"steps": 3}, {"train": "train.npz", "train_labels": True}]
    found = [training(**one).fingerprint() for one in asked]
    assert all(found.count(one) == 1 for one in found) and training().fingerprint() == found[0]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"calib": "few.npz"}, r"20 images of CALIB=few\.npz to train on; expected at least 32"),
        ({"train": "few.npz"}, r"20 images of TRAIN=few\.npz to train on; expected at least 32"),
        ({"n_calib": 31}, "31 images of CALIB.*give TRAIN=folder, or N_CALIB=32"),
        ({"train": "nowhere"}, "TRAIN is 'nowhere', which does not exist"),
        ({"train": "evaluate.npz"}, "of TRAIN is also in DATA .*60 of 60 images of TRAIN are"),
        ({"train_labels": True}, "TRAIN_LABELS is 1, but no TRAIN is given"),
        ({"train": "unlabelled.npz", "train_labels": True}, "has no array y"),
        ({"train": "other_labels.npz", "train_labels": True}, "expected .*0 to 2"),
        (
            {"train": "train.npz", "methods": "auto"},
            "METHODS=auto trains nothing; run make distill",
        ),
        ({"steps": 9, "methods": "min-max"}, "STEPS is given, but METHODS=min-max trains nothing"),
        ({"steps": 0}, "STEPS is 0; expected at least 1"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(asked, says):
    with pytest.raises(RequestError, match=says):
        training(**asked)


def test_labels_of_outputs_that_are_no_classes_are_refused():
    with pytest.raises(RequestError, match="are no classes"):
        training(classes=None, train="train.npz", train_labels=True)


def test_the_refusal_names_a_command_that_trains_what_was_asked_for():
    options = Options(arch="v1", train="photos", methods="auto")
    with pytest.raises(RequestError, match=r"run make distill ARCH=v1 TRAIN=photos$"):
        check_training(options, Plan.parse("auto", 30))


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ("distillation", "expected auto or min-max, and then some others"),
        ("min-max,distillation,bias-correction", "has distillation before others"),
        ("min-max,distillation,distillation", "each once"),
    ],
)
def test_distillation_comes_last(methods, says):
    with pytest.raises(RequestError, match=says):
        Plan.parse(methods, 30, 1.1)
    assert Plan.parse("min-max,mixed-precision,distillation", 30, 1.1).methods[-1] == "distillation"


def test_auto_and_distillation_are_all_quick_methods_and_then_training():
    quick, both = Plan.parse("auto", 30), Plan.parse("auto,distillation", 30)
    assert both.methods == (*quick.methods, "distillation") and both.min_sqnr_db is None


def test_a_folder_of_photographs_is_refused_where_one_of_them_is_evaluated_on(work):
    rng = np.random.default_rng(1)
    for folder, count in (("photos/a", 40), ("photos/b", 40), ("more", 33)):
        (work / folder).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (24, 24, 3), np.uint8)
            Image.fromarray(pixels).save(work / folder / f"{number}.png")
    asked = {"data": "photos", "calib": "calibrate.npz", "classes": 2}
    assert len(training(train="more", **asked).indices) == 33
    (work / "more" / "copy.png").write_bytes((work / "photos" / "b" / "7.png").read_bytes())
    with pytest.raises(RequestError, match=r"more/copy\.png of TRAIN is also in DATA"):
        training(train="more", **asked)


@pytest.mark.slow
def test_an_export_trains_int8_and_its_manifest_says_so(work):
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu6")(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3, activation="relu6")(x))
    keras.Model(image, layers.Dense(3, activation="softmax")(x)).save(work / "own.keras")
    asked = ["--model", "own.keras", "--data", "evaluate.npz", "--calib", "calibrate.npz"]
    refused(work, *asked, "--train", "few.npz", "--methods", TRAINS, says=["20 images of TRAIN"])
    asked += ["--methods", TRAINS, "--steps", "20", "--train", "train.npz"]
    done = call("export", *asked, "--schemes", "int8-per-tensor", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "distillation, 0 min left, step 20 of 20" in done.stderr
    manifest = Manifest.read(work / "artifacts" / "own")
    for made in (manifest.int8, manifest.further["int8-per-tensor"]):
        assert [one["method"] for one in made["methods"]] == ["min-max", "distillation"]
    assert "distillation" in done.stdout
    again = call("export", *asked, "--schemes", "int8-per-tensor", cwd=work)
    assert again.returncode == 0 and "step" not in again.stderr
    asked[asked.index("20")] = "21"
    other = call("export", *asked, "--schemes", "int8-per-tensor", cwd=work)
    assert other.returncode == 0 and "step 21 of 21" in other.stderr
