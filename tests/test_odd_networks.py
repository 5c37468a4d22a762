"""Networks that no pass knows: what is not known stays float and is named, nothing crashes."""

import numpy as np
import odd_networks
import pytest
from in_process import call

from export.artifact import Manifest

pytestmark = pytest.mark.slow
SCHEMES = ("float32", "float16", "int8")
SIX = {f"{scheme}.{form}" for scheme in SCHEMES for form in ("tflite", "onnx")}

FLOATS = ",".join(f"{scheme}.{form}" for scheme in SCHEMES[:2] for form in ("tflite", "onnx"))


def write_images(folder, side):
    """Two sets of images, [n, side, side, 3], of blobs in different places."""
    draw = np.random.default_rng(8)
    for name, count in (("data", 40), ("calib", 32)):
        coarse = draw.integers(0, 256, (count, 4, 4, 3))
        x = np.kron(coarse, np.ones((1, side // 4, side // 4, 1)))
        x = np.clip(x + draw.normal(0, 10, x.shape), 0, 255).astype(np.uint8)
        np.savez(folder / f"{name}.npz", x=x, y=np.arange(count) % odd_networks.CLASSES)


def export(folder, model, *more):
    """The finished command, and the manifest if there is one."""
    model.save(folder / "odd.keras")
    write_images(folder, model.input_shape[1])
    done = call(
        "export", "--model", "odd.keras", "--data", "data.npz", "--calib", "calib.npz",
        "--scale", 1 / 127.5, "--offset=-1", *more, cwd=folder,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert not [line for line in lines if "Traceback" in line], done.stderr
    assert len([line for line in lines if not line.startswith("export: ")]) <= 1, done.stderr
    made = (folder / "artifacts" / "odd" / "manifest.json").exists()
    return done, Manifest.read(folder / "artifacts" / "odd") if made else None


@pytest.mark.parametrize(
    ("build", "float_kinds"),
    [
        (odd_networks.averaged_over_flips, ["REVERSE_V2"]),
        (odd_networks.recurrent, []),
        (odd_networks.gated, []),
        (odd_networks.attention, []),
        (odd_networks.unusual_operators, ["ABS", "LOG", "SIN"]),
    ],
)
def test_every_file_is_made_and_what_stays_float_is_named(tmp_path, build, float_kinds):
    done, manifest = export(tmp_path, build())
    assert done.returncode == 0, done.stderr
    found = {a.name: a.fidelity for a in manifest.artifacts}
    assert set(found) == SIX
    assert {a.loads_in[r] for a in manifest.artifacts for r in list(a.loads_in)[:1]} == {"ok"}
    for name, figures in found.items():
        assert figures.sqnr_db is None or figures.sqnr_db > (20 if "int8" in name else 40), name
    notes = " ".join(manifest.warnings)
    for kind in float_kinds:
        assert kind in notes, notes


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: odd_networks.with_broken(np.nan), "no finite numbers"),
        (lambda: odd_networks.with_broken(np.inf), "no finite numbers"),
        (odd_networks.negative_variance, "NaN"),
        (odd_networks.mean_over_the_batch, "expected one row an image"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(tmp_path, build, message):
    done, manifest = export(tmp_path, build())
    assert done.returncode == 2 and manifest is None
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and message in last


def test_very_large_weights_cost_no_file(tmp_path):
    done, manifest = export(tmp_path, odd_networks.very_large_weights())
    assert done.returncode == 0, done.stderr
    assert {a.name for a in manifest.artifacts} == SIX
    assert "float16 files: " in " ".join(manifest.warnings)
    assert all(a.fidelity.top1_agreement > 0.9 for a in manifest.artifacts)


def test_files_that_no_runtime_takes_are_named_and_the_others_are_delivered(tmp_path):
    """LiteRT refuses int8 layers of 1e25 and 1e-25."""
    done, manifest = export(tmp_path, odd_networks.two_layers_without_a_product_of_steps())
    assert done.returncode == 1
    assert {a.name for a in manifest.artifacts} == set(FLOATS.split(","))
    assert {failure.name for failure in manifest.failed} == SIX - set(FLOATS.split(","))
    assert "int8.tflite was not written" in done.stderr.splitlines()[-1]
    assert all(a.fidelity.top1_agreement > 0.9 for a in manifest.artifacts)


def test_a_weight_beyond_float16_stays_float32_and_is_named(tmp_path):
    done, manifest = export(tmp_path, odd_networks.beyond_float16(), "--files", FLOATS)
    assert done.returncode == 0, done.stderr
    assert "float32, with weights beyond 65504" in " ".join(manifest.warnings)
    assert all(a.fidelity.top1_agreement > 0.9 for a in manifest.artifacts)


def test_rounding_that_a_network_makes_larger_is_no_fault_of_its_files(tmp_path):
    done, manifest = export(tmp_path, odd_networks.ill_conditioned(), "--files", FLOATS)
    assert done.returncode == 0, done.stderr
    found = {a.name: a.fidelity.max_relative_error for a in manifest.artifacts}
    assert found["float32.tflite"] > 1e-4
    assert "float32.tflite differs from Keras by" in " ".join(manifest.warnings)


def test_a_dense_layer_over_a_large_flattened_map_is_rounded_with_error_feedback(tmp_path):
    methods = "min-max,bias-correction,error-feedback"
    model = odd_networks.large_flattened()
    done, manifest = export(tmp_path, model, "--methods", methods, "--files", "int8.tflite")
    assert done.returncode == 0, done.stderr
    found = {tried["method"]: tried["sqnr_db"] for tried in manifest.int8["methods"]}
    assert found["error-feedback"] > found["min-max"]
