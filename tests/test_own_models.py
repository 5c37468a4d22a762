"""A user's own Keras model goes through the whole of export, bench and gate."""

import json

import numpy as np
import pytest
from commands import outcomes
from in_process import call
from user_models import randomize

from export.artifact import Manifest
from quantize.graph.graph import Graph

SIDE = 40


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A transfer-learning model with its own Rescaling, and images that it answers differently.

    The backbone is cut short: noise grows with depth where nothing was trained, and a file that
    lost all its biases should not pass for one that is close.
    """
    import keras
    from keras import layers

    made = tmp_path_factory.mktemp("own")
    whole = keras.applications.MobileNetV2(
        (SIDE, SIDE, 3), alpha=0.35, weights=None, include_top=False
    )
    backbone = keras.Model(whole.input, whole.get_layer("block_5_add").output)
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.GlobalAveragePooling2D()(backbone(layers.Rescaling(1 / 127.5, -1)(image)))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(x))
    randomize(model).save(made / "my model.keras")
    rng = np.random.default_rng(2)
    for name, n in (("evaluate", 80), ("calibrate", 20)):
        x, y = rng.integers(0, 136, (n, SIDE, SIDE, 3), dtype=np.uint8), np.arange(n) % 3
        x[np.arange(n), :, :, y] += 120
        np.savez(made / f"{name}.npz", x=x, y=y)
    (made / "gate.toml").write_text("[accuracy]\nmax_drop_points = 5.0\n")
    return made


ARGUMENTS = ("--model", "my model.keras", "--data", "evaluate.npz", "--calib", "calibrate.npz")
ARGUMENTS += ("--schemes", "int8-dynamic,int16x8")
QUICKLY = ("--json", "--quick", "--time-limit", "0.2", "--runtimes", "litert,onnxruntime")


@pytest.fixture(scope="module")
def exported(work):
    done = call("export", *ARGUMENTS, cwd=work)
    assert done.returncode == 0, done.stderr
    return Manifest.read(work / "artifacts" / "my-model")


@pytest.mark.slow
def test_a_models_own_rescaling_is_found_and_not_done_twice(exported):
    assert (exported.preprocess.scale, exported.preprocess.offset) == (1.0, 0.0)
    image = next(a for a in exported.artifacts if a.name == "int8.tflite").inputs[0]
    assert image.scale == pytest.approx(1.0, rel=1e-3)
    assert image.zero_point == -128


@pytest.mark.slow
def test_all_files_are_close_to_keras(exported):
    assert len(exported.artifacts) == 8
    assert exported.classes == 3
    for artifact in exported.artifacts:
        assert artifact.fidelity.cosine > 0.99
        assert outcomes(artifact.loads_in) == {"ok"}


@pytest.mark.slow
def test_an_unchanged_model_is_not_exported_again(work, exported):
    done = call("export", *ARGUMENTS, cwd=work)
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_bench_and_gate_take_the_model_as_they_take_ours(work, exported):
    done = call("bench", "run", *ARGUMENTS, *QUICKLY, cwd=work)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 8
    assert not [row for row in rows if row.get("error")]
    assert all(row["agreement_with_keras"] > 0.9 for row in rows if row["scheme"] == "int16x8")
    done = call("bench", "gate", *ARGUMENTS, "--json", cwd=work)
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(done.stdout)["gates"]
    compared = [row["file"] for row in rows if row["gate"] == "accuracy"]
    assert compared == ["int8.tflite", "int8-dynamic.tflite", "int16x8.tflite", "int8.onnx"]


@pytest.mark.slow
def test_quantize_prints_a_range_for_every_activation(work, exported):
    done = call("quantize", *ARGUMENTS, "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert rows[0]["name"] == "image"
    graph = Graph((work / "artifacts" / "my-model" / "int8.tflite").read_bytes())
    assert {row["name"] for row in rows} == {name.split(";")[0] for name in graph.activations}
    assert all(row["minimum"] <= row["maximum"] for row in rows)
