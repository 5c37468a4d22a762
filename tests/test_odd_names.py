"""Names that are no UTF-8 (photographs from a camera card): measured, kept, shown and reported."""

import json
import os
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from commands import environment
from tiny_models import SIDE, write_export

from bench.__main__ import main
from bench.history.history import History

ODD = os.fsdecode(b"caf\xe9")  # in Latin-1
SHOWN = "caf\\udce9"


@pytest.fixture
def odd_project(tmp_path, monkeypatch, keras_predictions):
    """A folder of such a name, with such a model, such class folders and photographs in them, and
    files of which int8 is wrong about every image."""
    from PIL import Image

    project = tmp_path / f"project {ODD}"
    project.mkdir()
    monkeypatch.chdir(project)
    (project / "tiny.keras").touch()
    for colour, name in enumerate(("a", ODD, "z")):
        folder = project / f"photos {ODD}" / name
        folder.mkdir(parents=True)
        pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
        pixels[..., colour] = 200
        for number in range(3):
            Image.fromarray(pixels).save(folder / f"{ODD} {number}.png")
    write_export(project / f"out {ODD}", int8_answers=(1, 2, 0))
    return project


def arguments():
    return ["--model", "tiny.keras", "--data", f"photos {ODD}", "--out", f"out {ODD}"]


def test_a_bench_of_odd_names_keeps_times_and_accuracy(odd_project, capfd):
    assert main(["run", *arguments(), "--runtimes", "litert"]) == 0, capfd.readouterr().err
    float32, int8 = sorted(History().newest(), key=lambda row: row.artifact)
    assert float32.accuracy.top1 == 1 and int8.accuracy.top1 == 0
    assert int8.data == f"photos {SHOWN}"
    assert SHOWN in int8.accuracy.flips[0].item and f"out {SHOWN}" in int8.command


@pytest.mark.parametrize("end", ["onnx", "tflite"])
def test_a_file_of_an_odd_name_is_measured_as_it_is(odd_project, capfd, end):
    odd = odd_project / f"{ODD}.{end}"
    shutil.copy(odd_project / f"out {ODD}" / "tiny" / f"float32.{end}", odd)
    given = ["--file", odd.name, "--data", f"photos {ODD}", "--profile", "1"]
    assert main(["run", *given, "--runtimes", "litert,onnxruntime"]) == 0, capfd.readouterr().err
    (row,) = History().newest()
    assert row.artifact == f"{SHOWN}.{end}" and row.result.profile and row.accuracy.images == 9


@pytest.mark.parametrize(
    "command", ["list", "show", "compare", "csv", "json", "report", "markdown", "filtered"]
)
def test_what_was_kept_can_be_shown(odd_project, capfd, command):
    assert main(["run", *arguments(), "--runtimes", "litert"]) == 0
    words = {
        "list": ["list", "--wide"],
        "show": ["show", "1", "--wide"],
        "compare": ["compare", "1", "2"],
        "csv": ["export", "--csv"],
        "json": ["export", "--json"],
        "report": ["report"],
        "markdown": ["report", "--markdown"],
        "filtered": ["list", "--model", ODD],
    }[command]
    capfd.readouterr()
    assert main(words) == (2 if command == "filtered" else 0)
    out, err = capfd.readouterr()
    assert "Traceback" not in err and "surrogate" not in err
    if command == "show":
        assert SHOWN in out
    if command == "json":
        assert f"photos {SHOWN}" in {run["data"] for run in json.loads(out)["runs"]}
    if command == "report":
        assert (odd_project / "results" / "report.html").read_text("utf-8")


def test_a_gate_on_odd_names_writes_what_a_ci_server_reads(odd_project, capfd):
    (odd_project / "gate.toml").write_text("[accuracy]\nmax_drop_points = 0.5\n")
    written = ["--junit", f"{ODD}.xml", "--markdown", f"{ODD}.md"]
    given = ["--file", f"out {ODD}/tiny/float32.tflite,out {ODD}/tiny/int8.tflite"]
    for words in (arguments(), [*given, "--data", f"photos {ODD}"]):
        assert main(["gate", *words, *written]) == 1, capfd.readouterr().err
        assert "error: accuracy of int8.tflite FAILED" in capfd.readouterr().err
        suite = ElementTree.parse(os.fsencode(f"{ODD}.xml")).getroot()[0]
        assert int(suite.get("failures")) >= 1
        assert "FAILED" in (odd_project / f"{ODD}.md").read_text("utf-8")


@pytest.mark.slow
def test_an_export_of_odd_names_can_be_measured(tmp_path):
    """The whole way, with TensorFlow, in a locale that has ASCII only."""
    import keras
    from PIL import Image

    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
         keras.layers.Dense(2, activation="softmax", name="last")]
    )  # fmt: skip
    model.save(tmp_path / "plain.keras")
    (tmp_path / "plain.keras").rename(tmp_path / f"{ODD}.keras")
    noise = np.random.default_rng(3)
    for name in (ODD, "z"):
        folder = tmp_path / f"photos {ODD}" / name
        folder.mkdir(parents=True)
        for number in range(24):
            pixels = noise.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{ODD} {number}.png")
    words = ["--model", f"{ODD}.keras", "--data", f"photos {ODD}", "--out", f"out {ODD}"]
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (
        ["export", *words, "--formats", "tflite"],
        ["quantize", *words],
        ["bench", "run", *words, "--time-limit", "0.5", "--files", "int8.tflite"],
        ["bench", "report"],
        ["bench", "summary", *words[:2]],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env={**environment(), **ascii_only},
            capture_output=True,
        )
        assert done.returncode == 0, (command, done.stderr)
