"""Files run where they are sent: in the oldest runtimes that are supported and in the newest that
each Python of a device gets, with the numbers that they have in today's.

Each pair of runtimes is an environment of its own, kept in .venv/runtimes.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from in_process import call

pytestmark = pytest.mark.runtimes
NETWORKS = {
    "v1": "0.25",
    "v2": "0.35",
    "v3-small": "0.5",
    "v3-large-minimalistic": "0.25",
    "v4-conv-small": "1",
    "shufflenet-v2": "0.5",
}
# Python, ONNX Runtime, LiteRT. The newest that 3.9 and 3.10 get on x86-64 and aarch64; the oldest
# that are supported (LiteRT before 1.3 runs no
# depthwise layer of a float16 file), and the oldest
# that have wheels for 3.12 and 3.13; empty: whatever is the newest.
ENVIRONMENTS = [
    ("3.9", "1.16.3", "1.4.0"),
    ("3.9", "1.19.2", "2.1.0"),
    ("3.10", "1.23.2", "2.3.0"),
    ("3.11", "1.16.3", "1.4.0"),
    ("3.12", "1.17.1", "1.4.0"),
    ("3.13", "1.20.0", "2.1.0"),
    ("3.13", "", ""),
]
BEFORE_NUMPY_2 = (1, 19)  # ONNX Runtime; LiteRT's first wheels are older as well


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """All six files of each network, and the outputs that they have in this environment."""
    folder = tmp_path_factory.mktemp("runtimes")
    rng = np.random.default_rng(0)
    np.save(folder / "images.npy", rng.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32))
    for arch, alpha in NETWORKS.items():
        words = ["--arch", arch, "--alpha", alpha, "--res", "64", "--classes", "10"]
        words += ["--weights", "random", "--methods", "min-max", "--n-calib", "32"]
        done = call("export", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    found = sorted(folder.glob("artifacts/*/*.tflite")) + sorted(folder.glob("artifacts/*/*.onnx"))
    assert len(found) == 6 * len(NETWORKS)
    return folder, found, outputs(sys.executable, folder, found)


def outputs(python, folder, files):
    """By file, in the environment of ``python``."""
    target = folder / "outputs.npz"
    command = [python, "-I", ROOT / "tests" / "run_in_runtime.py", ROOT]
    command += [folder / "images.npy", target, *files]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(target) as stored:
        return dict(stored)


def interpreter(python):
    """A Python of that version, in PATH or among those of pyenv."""
    places = [f"python{python}", *Path.home().glob(f".pyenv/versions/{python}.*/bin/python")]
    for place in places:
        found = shutil.which(place)
        if found and not subprocess.run([found, "-c", ""], capture_output=True).returncode:
            return found
    pytest.skip(f"no Python {python} here")


def environment(python, onnxruntime, litert):
    """The Python of an environment with those runtimes; skips where there is none."""
    found = interpreter(python)
    folder = ROOT / ".venv" / "runtimes" / f"{python}-{onnxruntime or 'new'}-{litert or 'new'}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([found, "-m", "venv", folder], check=True)
        wanted = [f"onnxruntime=={onnxruntime}" if onnxruntime else "onnxruntime"]
        wanted += [f"ai-edge-litert=={litert}" if litert else "ai-edge-litert"]
        if onnxruntime and tuple(map(int, onnxruntime.split(".")[:2])) < BEFORE_NUMPY_2:
            wanted.append("numpy<2")
        pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--only-binary=:all:"]
        done = subprocess.run([*pip, *wanted], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "ready").touch()
    return folder / "bin" / "python"


@pytest.mark.parametrize(("python", "onnxruntime", "litert"), ENVIRONMENTS)
def test_every_file_runs_and_gives_the_numbers_of_today(python, onnxruntime, litert, files):
    folder, paths, today = files
    found = outputs(environment(python, onnxruntime, litert), folder, paths)
    assert found.keys() == today.keys()
    for path, expected in today.items():
        apart = np.abs(found[path] - expected)
        if "int8" in path:
            assert apart.max() <= 3 and apart.mean() <= 1, path  # steps of 1/256
        else:
            assert apart.max() <= 1e-4 * np.abs(expected).max(), path
