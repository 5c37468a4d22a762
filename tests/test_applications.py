"""The mobile networks of keras.applications at their own sizes: six right files of each.

``make test-applications`` runs them and prints the table of docs/export.md.
"""

import resource
import subprocess
import sys
import time

import numpy as np
import pytest
from commands import environment

from export.artifact import Manifest

pytestmark = pytest.mark.applications
NETWORKS = {
    "MobileNet": 224, "MobileNetV2": 224, "MobileNetV3Small": 224, "MobileNetV3Large": 224,
    "NASNetMobile": 224, "EfficientNetB0": 224, "EfficientNetB2": 260, "EfficientNetV2B0": 224,
    "EfficientNetV2B2": 260, "DenseNet121": 224,
}  # fmt: skip
FILES = {
    f"{scheme}.{form}" for scheme in ("float32", "float16", "int8") for form in ("tflite", "onnx")
}
BUILD = """
import sys, keras
keras.utils.set_random_seed(1)
getattr(keras.applications, sys.argv[1])(weights=None).save("net.keras")
"""
MIN_FLOAT32_SQNR_DB = 60  # int8 of random weights, which vanish with depth, may be anything
# Of the largest process: TensorFlow takes 1 GiB, and the network some times its float file.
TENSORFLOW_BYTES, TIMES_THE_FILE = 2**30, 8


def write_images(path, side, seed):
    """Sixteen images to calibrate on or to verify on, of blobs of several sizes."""
    draw = np.random.default_rng(seed)
    levels = [draw.normal(0, 40, (16, n, n, 3)) for n in (2, 5, 16)]
    grown = [
        level[:, np.arange(side) * n // side][:, :, np.arange(side) * n // side]
        for level, n in zip(levels, (2, 5, 16), strict=True)
    ]
    x = np.clip(sum(grown) + draw.uniform(60, 190, (16, 1, 1, 3)), 0, 255).astype(np.uint8)
    np.savez(path, x=x, y=np.arange(16))


def exported(folder, side):
    """The finished export, and its seconds."""
    command = [sys.executable, "-m", "export", "--model", "net.keras", "--data", "data.npz"]
    command += ["--calib", "calib.npz", "--methods", "min-max", "--res", str(side)]
    command += ["--logits", "1"]  # the probabilities of random weights are all 0.001
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800
    )
    return done, time.monotonic() - start


@pytest.mark.parametrize("name", NETWORKS)
def test_six_right_files_are_made_in_little_memory(name, tmp_path, capsys):
    subprocess.run([sys.executable, "-c", BUILD, name], cwd=tmp_path, check=True, timeout=600)
    for seed, images in enumerate(("data", "calib")):
        write_images(tmp_path / f"{images}.npz", NETWORKS[name], seed)
    done, seconds = exported(tmp_path, NETWORKS[name])
    assert done.returncode == 0, done.stderr
    manifest = Manifest.read(next((tmp_path / "artifacts").iterdir()))
    found = {artifact.name: artifact for artifact in manifest.artifacts}
    assert set(found) == FILES
    for form in ("tflite", "onnx"):
        assert found[f"float32.{form}"].fidelity.sqnr_db > MIN_FLOAT32_SQNR_DB
    file_bytes = found["float32.tflite"].bytes
    # The most that any of the networks so far took.
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    with capsys.disabled():
        print(f"\n| {name} | {NETWORKS[name]} | {file_bytes / 1e6:.1f} | {seconds:.0f} | "
              f"{peak_bytes / 2**30:.2f} |", end="")  # fmt: skip
    assert peak_bytes < TENSORFLOW_BYTES + TIMES_THE_FILE * max(file_bytes, 128e6)
