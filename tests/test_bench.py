"""The bench command: a row for every exported file in every runtime, timed and evaluated."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from bench_runs import QUICK, ROWS, runtime_that
from commands import HAS_TFLITE_RUNTIME, ROOT
from PIL import Image
from tiny_models import write_export

from bench.__main__ import main
from bench.devices.host import RUNNER, Host
from bench.devices.open_devices import OPENED_BY
from bench.history.history import History
from bench.measurement.flat_record import flat
from bench.measurement.plan import PLANS
from bench.measurement.warning import MeasurementWarning
from models.command_line.options import Options
from models.source import resolve


def bench(*more):
    return main(["run", "--model", "tiny.keras", "--data", "data.npz", *more])


def test_a_row_for_every_file_and_runtime(tiny_project, keras_predictions, capsys):
    assert bench("--json", "--threads", "1") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(r["format"], r["scheme"], r["runtime"]) for r in rows] == ROWS
    for row in rows:
        if row["runtime"] == "tflite-runtime" and not HAS_TFLITE_RUNTIME:
            assert "cannot be imported" in str(row["error"])
            continue
        assert row["error"] is None and row["median_ms"] > 0 and row["threads"] == 1
        assert (row["images"], row["top1"], row["agreement"]) == (30, 1, 1)
        kept = History().get(row["id"])
        assert {name: row[name] for name in flat(kept)} == json.loads(json.dumps(flat(kept)))
        assert row["load_ms"] == kept.result.load_ns / 1e6 <= row["ready_ms"]
    assert len(History().newest()) == len(ROWS) == 8


def test_a_runtime_that_crashes_costs_only_its_own_rows(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    runtime_that(tiny_project, monkeypatch, "import os; os.abort()")
    assert bench("--n-eval", "9") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("tiny on host (")
    assert shown[0].endswith("2 threads; evaluated on 9 of 30 images of data.npz")
    crashed = [line for line in shown if "SIGABRT" in line]
    assert len(crashed) == 2 and all("tflite-runtime" in line for line in crashed)
    assert sum("100.00%" in line for line in shown) == 6
    assert shown[-1] == "note: 2 of 8 rows failed"
    assert sum(r.result.error is not None for r in History().newest()) == 2


def test_when_every_row_fails_the_exit_code_is_3(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    garbage = tiny_project / "runner.py"
    garbage.write_text(
        "import sys\nif '--environment' in sys.argv:\n"
        f"    import runpy; runpy.run_path({str(RUNNER)!r}, run_name='__main__')\n"
    )
    monkeypatch.setitem(OPENED_BY, "host", lambda settings: nullcontext(Host(garbage)))
    assert bench() == 3
    shown = capsys.readouterr()
    assert "all 8 rows failed" in shown.err and shown.out.count("error: garbage") == 8


def test_only_the_files_and_runtimes_that_are_named(tiny_project, keras_predictions, capsys):
    chosen = ["--files", "int8.onnx,int8.tflite", "--runtimes", "onnxruntime,litert-builtin"]
    assert bench("--json", *chosen) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    found = [(row["artifact"], row["runtime"]) for row in rows]
    assert found == [("int8.onnx", "onnxruntime"), ("int8.tflite", "litert-builtin")]


def test_rows_of_one_command_are_a_session_with_its_drift(tiny_project, keras_predictions, capsys):
    assert bench("--drift", "--runtimes", "litert,onnxruntime") == 0
    assert "1  keras" in capsys.readouterr().out
    rows = History().newest()
    (session,) = {row.session for row in rows}
    assert len(History().session(session)) == 4
    columns = {name for drift in History().drifts(session) for name in (drift.a, drift.b)}
    assert columns == {"keras", *(f"{r.artifact} {r.result.runtime} host" for r in rows)}


def test_strict_fails_on_a_warning_and_keeps_the_measurement(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    warning = MeasurementWarning("busy", "others had 50% of the cores", "end them")
    monkeypatch.setattr("bench.engine.session.find_warnings", lambda *_: (warning,))
    assert bench("--runtimes", "litert") == 0
    assert "warning busy" in capsys.readouterr().out
    assert bench("--runtimes", "litert", "--strict", "1") == 1
    assert "warnings (busy); they are kept" in capsys.readouterr().err
    assert [len(row.warnings) for row in History().newest()] == [1, 1]


def test_the_runtimes_operators_are_named_and_kept(tiny_project, keras_predictions, capsys):
    assert bench("--profile", "1", "--files", "int8.tflite", "--threads", "1") == 0
    shown = capsys.readouterr().out
    assert "most expensive of" in shown and "FULLY_CONNECTED" in shown
    assert "tflite-runtime has no profiler" in shown or not HAS_TFLITE_RUNTIME
    kept = {row.result.runtime: row.result.profile for row in History().newest()}
    assert kept["litert"] and not kept["tflite-runtime"]


@pytest.mark.slow
def test_unknown_labels_make_top1_na(tiny_project, keras_predictions, capsys):
    """A user's model on the demo images was not trained for their classes."""
    assert main(["run", "--model", "tiny.keras", "--data", "demo", "--n-eval", "9", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["top1"] for row in rows] == [None] * 8
    assert all(row["agreement"] is not None and row["images"] == 9 for row in rows)


def test_random_weights_are_timed_only(tiny_project, monkeypatch, capsys):
    monkeypatch.setitem(PLANS, "default", QUICK)
    write_export(
        tiny_project / "artifacts",
        "v2-1-224-random",
        formats=("onnx",),
        model={"weights": "random"},
    )
    assert main(["run", "--weights", "random"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("timed only") and not any("agreement" in line for line in lines)
    assert [record.accuracy for record in History().newest()] == [None, None]


@pytest.mark.slow
def test_skipped_images_are_counted(tiny_project, keras_predictions, monkeypatch, capsys):
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
    assert any("skipped: 1" in warning and "4.png" in warning for warning in shown["caveats"])
    for row in shown["rows"]:
        assert (row["images"], row["top1"], row["agreement"]) == (5, 1, 1)


def test_wrong_requests_are_one_line_and_exit_code_2(tiny_project, capsys):
    asked = {
        ("--threads", "0"): "THREADS is 0",
        ("--device", "pi4"): "DEVICE is 'pi4'; expected one of: host, android",
        ("--out", "elsewhere"): "make export MODEL=tiny.keras DATA=data.npz OUT=elsewhere",
        ("--data", "gone.npz"): "gone.npz",
        ("--n-eval", "many"): "N_EVAL is 'many'",
        ("--plan", "slow"): "PLAN is 'slow'; expected one of: quick default thorough",
        ("--precision", "0"): "PRECISION is 0",
        ("--time-limit", "nan"): "TIME_LIMIT is 'nan'",
        ("--sustained", "999"): "SUSTAINED is 999; expected a number above 0, up to 60",
        ("--files", "int4.tflite"): "FILES has 'int4.tflite'",
        ("--runtimes", "tvm"): "RUNTIMES has 'tvm'; expected some of: litert",
        ("--runtimes", "onnxruntime", "--files", "int8.tflite"): "reads none of: int8.tflite",
        ("--cores", "all"): "CORES is 'all'",
        ("--strict", "yes"): "STRICT is 'yes'; expected 0 or 1",
    }
    for arguments, message in asked.items():
        assert bench(*arguments) == 2
        shown = capsys.readouterr()
        assert message in shown.err and shown.err.count("\n") == 1 and shown.out == ""
    assert not Path("results/bench.sqlite").exists() or History().newest() == []


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
    identity = resolve(Options(model="tiny.keras")).identity()
    shutil.rmtree(tiny_project / "artifacts")
    write_export(tiny_project / "artifacts", model=identity)
    command = [sys.executable, "-m", "bench", "run", "--json", "--model", "tiny.keras"]
    chosen = ["--data", "data.npz", "--plan", "quick", "--time-limit", "0.2"]
    done = subprocess.run([*command, *chosen], check=True, stdout=subprocess.PIPE)
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == len(ROWS) and all(row["agreement"] == 1 for row in rows)


def test_a_firmware_that_never_answers_costs_one_wait_and_no_row(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    asked, path = tiny_project / "asked", tiny_project / "bin" / "vcgencmd"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\necho asked >> {asked}\nexec sleep 600\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    assert bench("--runtimes", "litert,onnxruntime") == 0
    shown = capsys.readouterr().out
    assert asked.read_text() == "asked\n"
    assert "warning unanswered: all rows" in shown and "vcgencmd did not answer" in shown
    rows = History().newest()
    assert len(rows) == 4 and all(row.result.samples_ns for row in rows)
    assert {row.result.unanswered for row in rows} == {("vcgencmd",)}


def test_a_quota_smaller_than_the_threads_is_said_before_anything_is_measured(
    tiny_project, keras_predictions, monkeypatch, capsys
):
    limited = replace(Host().environment(), cpu_quota_cores=1.5)
    monkeypatch.setattr(Host, "environment", lambda self: limited)
    assert bench("--threads", "2", "--runtimes", "litert") == 0
    shown = capsys.readouterr().out.splitlines()
    note = next(n for n, line in enumerate(shown) if "2 threads with a CPU quota" in line)
    assert shown[note].startswith("note: host: ") and "raise the CPU quota" in shown[note]
    assert note < next(n for n, line in enumerate(shown) if line.startswith("float32.tflite"))
    assert all("quota" in [one.kind for one in row.warnings] for row in History().newest())
