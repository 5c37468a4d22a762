"""The bench command: a row for every exported file in every runtime, timed and judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from bench_runs import QUICK, ROWS, runtime_that
from commands import ROOT
from PIL import Image
from tiny_models import write_export

from bench.__main__ import main
from bench.host import Host
from bench.records import Records


def bench(*more):
    return main(["run", "--model", "tiny.keras", "--data", "data.npz", *more])


def test_a_row_for_every_file_and_runtime(tiny_project, keras_answers, capsys):
    assert bench("--json", "--threads", "1") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(r["format"], r["scheme"], r["runtime"]) for r in rows] == ROWS
    for row in rows:
        assert row["error"] is None and row["median_ms"] > 0 and row["threads"] == 1
        assert (row["images"], row["top1"], row["agreement_with_keras"]) == (30, 1, 1)
    assert len(Records().newest()) == 6


def test_a_runtime_that_crashes_costs_only_its_own_rows(
    tiny_project, keras_answers, monkeypatch, capsys
):
    runtime_that(tiny_project, monkeypatch, "import os; os.abort()")
    assert bench("--n-eval", "9") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("tiny on host, 2 threads; judged on 9 of 30 images of data.npz")
    crashed = [line for line in shown if "SIGABRT" in line]
    assert len(crashed) == 2 and all("tflite-runtime" in line for line in crashed)
    assert sum("100.00%" in line for line in shown) == 4
    assert shown[-1] == "note: 2 of 6 rows failed"
    assert sum(r.result.error is not None for r in Records().newest()) == 2


def test_when_every_row_fails_the_exit_code_is_3(tiny_project, keras_answers, monkeypatch, capsys):
    monkeypatch.setattr("bench.device.DEVICES", {"host": lambda: Host(Path("/nowhere.py"))})
    assert bench() == 3
    shown = capsys.readouterr()
    assert "all 6 rows failed" in shown.err and shown.out.count("error: garbage") == 6


def test_unknown_labels_make_top1_na(tiny_project, keras_answers, capsys):
    """A user's model on the demo images was not trained for their classes."""
    assert main(["run", "--model", "tiny.keras", "--n-eval", "9", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["top1"] for row in rows] == [None] * 6
    assert all(row["agreement_with_keras"] is not None and row["images"] == 9 for row in rows)


def test_random_weights_are_timed_only(tiny_project, monkeypatch, capsys):
    monkeypatch.setattr("bench.run.DEFAULT", QUICK)
    write_export(
        tiny_project / "artifacts",
        "v2-1-224-random",
        formats=("onnx",),
        model={"weights": "random"},
    )
    assert main(["run", "--weights", "random"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("timed only")
    assert all(line.split()[-3:] == ["n/a", "n/a", "0"] for line in lines[-2:])


def test_skipped_images_are_counted(tiny_project, keras_answers, monkeypatch, capsys):
    root = tiny_project / "photographs"
    for index, (colour, level) in enumerate((c, v) for c in range(3) for v in (180, 220)):
        folder = root / tiny_models.COLOURS[colour]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((16, 16, 3), np.uint8)
        pixels[..., colour] = level
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (root / "classes.txt").write_text("\n".join(tiny_models.COLOURS))
    (root / "blue" / "4.png").write_bytes(b"broken")
    read = [2, 1, 1, 0, 0]  # folders in order of their names
    monkeypatch.setattr("models.reference.outputs", lambda s, o, d, i: np.eye(3, dtype="f")[read])
    command = ["run", "--model", "tiny.keras", "--data", "photographs"]
    assert main(command) == 2 and "4.png" in capsys.readouterr().err
    assert main([*command, "--skip-corrupt", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert any("skipped: 1" in caveat and "4.png" in caveat for caveat in shown["caveats"])
    for row in shown["rows"]:
        assert (row["images"], row["top1"], row["agreement_with_keras"]) == (5, 1, 1)


def test_wrong_requests_are_one_line_and_exit_code_2(tiny_project, capsys):
    asked = {
        ("--threads", "0"): "THREADS is 0",
        ("--device", "pi4"): "DEVICE is 'pi4'; expected one of: host",
        ("--out", "elsewhere"): "make export MODEL=tiny.keras DATA=data.npz OUT=elsewhere",
        ("--data", "gone.npz"): "gone.npz",
        ("--n-eval", "many"): "N_EVAL is 'many'",
    }
    for arguments, said in asked.items():
        assert bench(*arguments) == 2
        shown = capsys.readouterr()
        assert said in shown.err and shown.err.count("\n") == 1 and shown.out == ""
    assert not Path("results/bench.sqlite").exists() or Records().newest() == []


def test_the_bench_imports_no_tensorflow():
    source = (
        "import sys, bench.__main__, models.source, models.reference\n"
        "slow = {'tensorflow', 'keras', 'onnxruntime', 'ai_edge_litert', 'tflite_runtime'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)


@pytest.mark.slow
def test_the_command_line_agrees_with_keras(tiny_project, monkeypatch):
    """No stand-in anywhere: the network as a user's Keras model, the command as make types it."""
    make = (
        "import sys, keras, tiny_models\n"
        "side = tiny_models.SIDE\n"
        "layers = [keras.Input((side, side, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]\n"
        "model = keras.Sequential(layers)\n"
        "model.layers[-1].set_weights([tiny_models.weights().T, tiny_models.weights()[:, 0] * 0])\n"
        "model.save('tiny.keras')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tiny_project / "cache"))
    (tiny_project / "tiny.keras").unlink()
    subprocess.run([sys.executable, "-c", make], check=True)
    command = [sys.executable, "-m", "bench", "run", "--json", "--model", "tiny.keras"]
    done = subprocess.run([*command, "--data", "data.npz"], check=True, stdout=subprocess.PIPE)
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 6 and all(row["agreement_with_keras"] == 1 for row in rows)
