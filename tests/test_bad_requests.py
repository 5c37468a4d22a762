"""Bad input ends in one clear line, exit code 2, and nothing written."""

import json
import os
import subprocess
import zipfile

import numpy as np
import pytest
from commands import SMALL, files_in, run
from in_process import call
from PIL import Image


@pytest.fixture
def work(tmp_path):
    os.makedirs(tmp_path / "data")
    return tmp_path


def refused(work, *arguments, says, started=call, code=2):
    """The command must end with ``code`` and one line that holds each of ``says``.

    ``started``: in this process, or by ``run`` in one of its own.
    """
    before = files_in(work)
    done = started("export", *arguments, cwd=work)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("export: ")]
    assert done.returncode == code, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    for part in says:
        assert part in lines[0]
    assert done.stdout == ""
    assert files_in(work) == before


DEMO = ("--calib", "demo")  # a trained network has to be given images
# Paths are given relative to the working folder: the absolute ones hold the name of the test, in
# which any word that a message must say could be found.


def weights(work, arch="v2", alpha=0.1, resolution=64):
    from models.networks import registry
    from models.networks.spec import ModelSpec

    path = f"data/{arch}.weights.h5"
    registry.build(ModelSpec(arch, alpha, resolution, classes=10)).save_weights(work / path)
    return path


def folder(work, name, write):
    made = work / "data" / name / "cat"
    made.mkdir(parents=True)
    write(made)
    return f"data/{name}"


def photographs(made, n=70):
    rng = np.random.default_rng(1)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(made / f"{i}.png")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--arch", "v9"], ["ARCH is 'v9'", "v1 v1-quant-friendly v2 v3-large v3-small"]),
        (["--weights", "random", "--alpha", "0"], ["ALPHA is 0"]),
        (["--weights", "random", "--alpha", "-1"], ["ALPHA is -1"]),
        (["--weights", "random", "--alpha", "nan"], ["ALPHA is 'nan'", "a number"]),
        (["--weights", "random", "--res", "0"], ["RES is 0", "32 to 512"]),
        (["--weights", "random", "--res", "big"], ["RES is 'big'", "a whole number"]),
        (["--weights", "nowhere.h5"], ["WEIGHTS is 'nowhere.h5'", "demo, imagenet, random"]),
        (["--alpha", "1.0"], ["ALPHA=0.35", "WEIGHTS=random"]),
        (
            ["--arch", "v3-large-minimalistic", "--weights", "demo"],
            ["no demo checkpoint", "leave WEIGHTS out", "WEIGHTS=random"],
        ),
        (
            ["--arch", "v4-conv-small", "--weights", "imagenet"],
            ["no file for ARCH=v4-conv-small", "none is published", "WEIGHTS=path"],
        ),
        (["--weights", "random", "--n-calib", "0"], ["N_CALIB is 0"]),
        (["--weights", "random", "--n-calib", "4"], ["4 images", "at least 8"]),
        (["--weights", "random", "--threads", "0"], ["THREADS is 0"]),
        (["--weights", "random", "--threads", "1025"], ["THREADS is 1025", "1 to 1024"]),
        (["--weights", "random", "--logits", "yes"], ["LOGITS is 'yes'", "0 or 1"]),
        (["--weights", "random", "--split", "0"], ["SPLIT is 0", "at least 1"]),
        (["--weights", "random", "--split", "two"], ["SPLIT is 'two'", "a whole number"]),
        (
            ["--arch", "v1", "--split", "2"],
            ["SPLIT is 2", "nothing to split", "1x1 expansion", "ARCH=v2", "leave SPLIT out"],
        ),
        (["--split", "49"], ["SPLIT is 49", "at most 48"]),
        (["--model", "nowhere.keras"], ["MODEL is 'nowhere.keras'"]),
        (["--weights", "random", "--calib", "nowhere"], ["CALIB is 'nowhere'"]),
        (["--weights", "random", "--data", "nowhere"], ["DATA is 'nowhere'"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(work, arguments, says):
    refused(work, *arguments, says=says)


def test_truncated_weights_are_refused(work):
    path = weights(work)
    whole = (work / path).read_bytes()
    (work / path).write_bytes(whole[: len(whole) // 2])
    asked = ("--weights", path, "--alpha", 0.1, "--res", 64, *DEMO)
    refused(work, *asked, says=[path, "truncated"])


def test_weights_of_another_architecture_are_refused_with_the_layers_that_differ(work):
    path = weights(work, "v1")
    shapes = "Conv1 is (3, 3, 3, 3) in the file, expected (3, 3, 3, 8)"
    asked = ("--weights", path, "--alpha", 0.1, "--res", 64, *DEMO)
    refused(work, *asked, says=[path, shapes])


def test_a_text_file_called_keras_is_refused(work):
    (work / "data" / "m.keras").write_text("not a model\n" * 100)
    says = ["data/m.keras", "neither a Keras archive nor HDF5"]
    refused(work, "--model", "data/m.keras", *DEMO, says=says)


@pytest.mark.parametrize(("name", "value"), [("ALPHA", "1"), ("WEIGHTS", "random")])
def test_what_a_model_has_itself_is_refused_beside_it(work, name, value):
    (work / "data" / "m.keras").touch()
    beside = ("--model", "data/m.keras", f"--{name.lower()}", value)
    refused(work, *beside, says=[f"{name} does not go with MODEL"])


def test_a_size_of_no_pixels_is_refused(work):
    (work / "data" / "m.keras").touch()
    refused(work, "--model", "data/m.keras", "--res", 0, says=["RES is 0", "at least 8 pixels"])


def test_a_model_with_two_inputs_is_refused(work):
    import keras

    a, b = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([a, b]))
    keras.Model([a, b], keras.layers.Dense(10)(x)).save(work / "data" / "m.keras")
    refused(work, "--model", "data/m.keras", *DEMO, says=["2 inputs"])


def test_a_trained_network_without_images_is_refused_with_the_line_to_run(work):
    path = weights(work)
    own = ("--weights", path, "--alpha", 0.1, "--res", 64)
    line = f"run make export ARCH=v2 ALPHA=0.1 RES=64 WEIGHTS={path} CALIB=folder with"
    refused(work, *own, says=[f"WEIGHTS={path} was given no images", line])


def test_an_empty_calibration_folder_is_refused(work):
    (work / "data" / "empty").mkdir()
    refused(work, *SMALL, "--calib", "data/empty", says=["CALIB", "data/empty"], started=run)


def test_a_folder_of_text_files_is_refused(work):
    where = folder(work, "texts", lambda made: (made / "a.txt").write_text("hello"))
    refused(work, *SMALL, "--data", where, says=["DATA", "texts", "a.txt"])


def test_a_one_pixel_image_is_refused_by_name(work):
    where = folder(work, "tiny", lambda made: Image.new("RGB", (1, 1)).save(made / "one.png"))
    refused(work, *SMALL, "--data", where, says=["one.png", "1x1"])


@pytest.mark.slow
def test_a_16_bit_png_is_refused_by_name(work):
    deep = Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40))
    where = folder(work, "deep", lambda made: deep.save(made / "deep.png"))
    refused(work, *SMALL, "--data", where, says=["deep.png", "16-bit"])


@pytest.mark.slow
def test_a_calibration_image_that_cannot_be_read_is_refused_by_name(work):
    def write(made):
        photographs(made, 20)
        (made / "5.png").write_bytes((made / "5.png").read_bytes()[:200])

    where = folder(work, "broken", write)
    refused(work, *SMALL, "--calib", where, says=["5.png", "SKIP_CORRUPT=1"])
    wanted = ("--calib", where, "--skip-corrupt", "1", "--files", "int8.tflite", "--json")
    done = call("export", *SMALL, *wanted, "--out", "data/skipped", cwd=work)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["calibration"]["images"], made["calibration"]["skipped"]) == (19, 1)
    assert any("1 unreadable images of CALIB skipped" in note for note in made["caveats"])


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"y": np.zeros(70, int)}, ["no array x"]),
        ({"x": np.full((70, 32, 32, 3), np.nan, "f"), "y": np.zeros(70, int)}, ["NaN"]),
        ({"x": np.zeros((70, 32, 32, 3), "u1"), "y": np.full(70, 10)}, ["label 10"]),
        ({"x": np.zeros((70, 32, 32, 3), "u1"), "y": np.full(70, -1)}, ["label -1"]),
    ],
)
def test_an_npz_that_is_not_images_with_labels_is_refused(work, arrays, says):
    np.savez(work / "data" / "d.npz", **arrays)
    trained = ("--weights", weights(work), "--alpha", 0.1, "--res", 64)
    refused(work, *trained, "--data", "data/d.npz", says=["data/d.npz", *says])


def test_a_file_that_only_says_npz_is_refused(work):
    with zipfile.ZipFile(work / "data" / "d.npz", "w") as made:
        made.writestr("x.npy", b"nothing")
    refused(work, *SMALL, "--data", "data/d.npz", says=["data/d.npz"])


def test_calibration_images_that_are_also_evaluation_images_are_refused_by_name(work):
    where = folder(work, "both", photographs)
    refused(work, *SMALL, "--data", where, "--calib", where, says=[".png", "both", "CALIB"])


def test_an_out_that_is_a_file_is_refused(work):
    (work / "data" / "out").write_text("a file")
    refused(work, *SMALL, "--out", "data/out", says=["OUT is 'data/out'"], started=run)


@pytest.fixture
def small_disk(work):
    """Mounts a tmpfs of some size and mode on data/disk, as root only."""
    where = work / "data" / "disk"
    where.mkdir()

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], capture_output=True
        )
        if done.returncode:
            pytest.skip("mounting a small tmpfs needs root")
        return where

    yield mount
    subprocess.run(["umount", where], capture_output=True)


def test_a_read_only_out_is_refused(work, small_disk):
    small_disk("ro")
    refused(work, *SMALL, "--out", "data/disk", says=["OUT is 'data/disk'", "Read-only"])


@pytest.mark.slow
def test_a_full_temporary_folder_is_refused_by_name(work, small_disk, monkeypatch):
    """Files that are mapped into memory would end the process without a word."""
    monkeypatch.setenv("TMPDIR", str(small_disk("size=512k")))
    says = ["the temporary folder", "disk' cannot be written (No space left", "TMPDIR="]
    refused(work, *SMALL, says=says, started=run, code=3)


@pytest.mark.slow
def test_a_disk_that_holds_no_file_is_named_and_left_as_it_was(work, small_disk):
    small_disk("size=64k")
    says = ["float32.tflite was not written: No space left", "it needs room in OUT=", "data/disk"]
    refused(work, *SMALL, "--out", "data/disk", says=says, code=3)
