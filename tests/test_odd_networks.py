"""Networks that no pass knows: what is not known stays float and is named, nothing crashes."""

import numpy as np
import odd_networks
import pytest
from in_process import call

from export.artifact import Manifest

pytestmark = pytest.mark.slow
SCHEMES = ("float32", "float16", "int8")
SIX = {f"{scheme}.{form}" for scheme in SCHEMES for form in ("tflite", "onnx")}


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
        (odd_networks.mean_without_batch, []),
        (odd_networks.recurrent, ["WHILE"]),
        (odd_networks.gated, ["WHILE"]),
        (odd_networks.attention, []),
        (odd_networks.unusual_operators, ["SIN", "LOG", "SELU"]),
    ],
)
@pytest.mark.parametrize("methods", ["auto"])
def test_every_file_is_made_and_what_stays_float_is_named(tmp_path, build, float_kinds, methods):
    done, manifest = export(tmp_path, build(), "--methods", methods)
    assert done.returncode == 0, done.stderr
    found = {a.name: a.fidelity for a in manifest.artifacts}
    assert set(found) == SIX
    assert {a.loads_in[r] for a in manifest.artifacts for r in list(a.loads_in)[:1]} == {"ok"}
    for name, figures in found.items():
        assert figures.sqnr_db is None or figures.sqnr_db > (20 if "int8" in name else 40), name
    notes = " ".join(manifest.warnings)
    for kind in float_kinds:
        assert kind in notes, notes
