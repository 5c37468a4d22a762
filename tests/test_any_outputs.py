"""Embeddings, several outputs, maps and numbers go through export, bench and gate."""

import json

import numpy as np
import pytest
from in_process import call
from user_models import keras_parts, randomize

from export.artifact import Manifest
from models.networks.output_tensor import OutputTensor, file_names
from quantize.evaluate.output_comparison import OutputComparison, Outputs, compare
from quantize.graph.graph import Graph

SIDE = 24
DATA = ("--data", "evaluate.npz", "--calib", "calibrate.npz")
TWO = (OutputTensor("a", (2,), "values"), OutputTensor("b", (2, 1), "values"))


def backbone():
    keras, layers = keras_parts()
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    return image, layers.Conv2D(12, 1, activation="relu")(x)


def embedding():
    keras, layers = keras_parts()
    image, x = backbone()
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def unit_embedding():
    keras, layers = keras_parts()
    image, x = backbone()
    x = layers.Dense(16)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.UnitNormalization()(x))


def two_outputs():
    """A label, and the boxes of a tensor that other layers read too."""
    keras, layers = keras_parts()
    image, x = backbone()
    pooled = layers.GlobalAveragePooling2D(name="pooled")(x)
    label = layers.Dense(3, activation="softmax", name="label")(pooled)
    return keras.Model(image, {"label": label, "box": layers.Dense(4)(pooled), "pooled": pooled})


def segmentation():
    keras, layers = keras_parts()
    image, x = backbone()
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(image, layers.Conv2D(3, 1, activation="softmax")(x))


def multi_label():
    keras, layers = keras_parts()
    image, x = backbone()
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(5, activation="sigmoid")(x))


BUILDERS = (embedding, unit_embedding, two_outputs, segmentation, multi_label)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The models as files, and images."""
    made = tmp_path_factory.mktemp("outputs")
    for builder in BUILDERS:
        randomize(builder()).save(made / f"{builder.__name__}.keras")
    rng = np.random.default_rng(2)
    for name, n in (("evaluate", 70), ("calibrate", 20)):
        coarse = rng.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)
        np.savez(made / f"{name}.npz", x=coarse.repeat(4, 1).repeat(4, 2), y=np.arange(n) % 3)
    (made / "gate.toml").write_text("[accuracy]\nmax_drop_points = 5.0\n[size]\nmax_ratio = 1.1\n")
    return made


def exported(work, builder, *arguments):
    done = call("export", "--model", f"{builder.__name__}.keras", *DATA, *arguments, cwd=work)
    assert done.returncode == 0, done.stderr
    folder = builder.__name__.replace("_", "_")
    return Manifest.read(work / "artifacts" / folder), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("builder", [embedding, unit_embedding, segmentation])
def test_outputs_that_are_no_classes_are_compared_by_their_values(work, builder):
    manifest, printed = exported(work, builder)
    assert (manifest.output_kind, manifest.classes) == ("values", 0)
    assert len(manifest.artifacts) == 6
    for artifact in manifest.artifacts:
        assert artifact.fidelity.top1_agreement is None
        assert artifact.fidelity.cosine > 0.98, artifact.name
        shape = artifact.outputs[0].shape
        assert shape[1:] == manifest.outputs[0].shape
    float32 = manifest.artifacts[0].fidelity
    assert float32.max_relative_error < 1e-4
    shape = list(manifest.outputs[0].shape)
    assert f"output: {manifest.outputs[0].name} {shape} (" in printed
    assert " n/a" in printed


@pytest.mark.slow
def test_several_outputs_have_figures_each_and_the_worst_counts(work):
    manifest, printed = exported(work, two_outputs)
    names = [output.name for output in manifest.outputs]
    assert names == ["box", "label", "pooled"]
    for artifact in manifest.artifacts:
        assert [one.name for one in artifact.outputs] == names, artifact.name
        found = artifact.fidelity
        assert [one.name for one in found.tensors] == names
        assert found.cosine == min(one.cosine for one in found.tensors)
        assert found.cosine > 0.98, artifact.name
    assert printed.count("  pooled") == len(manifest.artifacts)
    graph = Graph((work / "artifacts" / "two_outputs" / "int8.tflite").read_bytes())
    scales = {name: float(graph.quantization(name).scale[0]) for name in graph.outputs}
    assert list(scales) == names
    assert len(set(scales.values())) == 3
    assert manifest.int8["methods"][0]["top1_agreement"] is None


@pytest.mark.slow
def test_a_multi_label_classifier_keeps_its_classes(work):
    manifest, printed = exported(work, multi_label)
    assert (manifest.output_kind, manifest.classes) == ("sigmoid", 5)
    assert all(artifact.fidelity.top1_agreement is not None for artifact in manifest.artifacts)
    assert "output: probabilities of 5 classes (sigmoid)" in printed
    assert "input: pixel * 0.007843 - 1, since" in printed
    assert "is a guess" in printed


@pytest.mark.slow
def test_bench_and_gate_say_that_there_are_no_classes(work):
    exported(work, two_outputs)
    arguments = ("--model", "two_outputs.keras", *DATA)
    quick = ("--quick", "--time-limit", "0.1", "--drift", "1")
    done = call("bench", "run", *arguments, *quick, cwd=work)
    assert done.returncode == 0, done.stderr
    assert "gives values, not classes" in done.stdout
    assert "cosine above the diagonal" in done.stdout
    done = call("bench", "run", *arguments, *quick, "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = [row for row in found["rows"] if "native" not in row["runtime"]]
    assert rows and not [row["error"] for row in rows if row["error"]]
    for row in rows:
        assert row["agreement"] is None and row["top1"] is None
        assert row["sqnr_db"] is None or row["sqnr_db"] > 15, row["artifact"]
    assert {one["agreement"] for one in found["drift"]} == {None}
    done = call("bench", "gate", *arguments, "--json", cwd=work)
    assert done.returncode in (0, 1), done.stderr
    gates = json.loads(done.stdout)["gates"]
    accuracy = [one for one in gates if one["gate"] == "accuracy"]
    assert {one["verdict"] for one in accuracy} == {"skipped"}
    assert "no top-1" in accuracy[0]["detail"]
    assert [one for one in gates if one["gate"] == "size"]
    done = call("bench", "report", cwd=work)
    assert done.returncode == 0, done.stderr


def test_of_several_outputs_a_small_one_that_is_wrong_is_seen():
    rng = np.random.default_rng(3)
    wanted = np.concatenate([1e3 * rng.normal(size=(8, 2)), rng.normal(size=(8, 2))], axis=1)
    found = wanted.copy()
    found[:, 2:] += 1
    whole, each = compare(wanted, found, "values"), compare(wanted, found, "values", TWO)
    assert whole.sqnr_db > 50
    assert each.sqnr_db < 10
    assert [one.name for one in each.tensors] == ["a", "b"]
    assert each.tensors[0].sqnr_db is None
    assert each.top1_agreement is None


def test_figures_of_values_have_no_predictions():
    rows = Outputs.of(np.float32([[1, 2], [3, np.nan]]), "values")
    assert rows.probabilities is None
    comparison = OutputComparison()
    comparison.add(rows, rows)
    figures = comparison.figures()
    assert figures["agreeing"] is None and figures["mean_softmax_change"] is None
    assert figures["cosine"] == pytest.approx(1)


def test_names_of_outputs_become_names_that_every_format_takes():
    assert file_names(["a b/c", "a b/c", "7", "größe", "image"]) == [
        "a_b_c", "a_b_c_2", "7", "gr_e", "image_2",
    ]  # fmt: skip
