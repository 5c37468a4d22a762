"""The runner, the host, the figures and the history, on real files in the real runtimes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from PIL import Image
from tiny_models import write_export, write_images

from bench.__main__ import main
from bench.accuracy import Accuracy, judge
from bench.environment import read_environment
from bench.host import RUNNER, Host
from bench.job import RUNTIMES, Images, Job, Result, RunError
from bench.plan import Plan
from bench.record import Record
from bench.records import Records
from bench.shards import Batches
from bench.statistics import Latency, latency
from bench.table import percent
from models.dataset import open_dataset
from models.errors import DeviceError
from models.image_source import ImageSize
from models.spec import Preprocess
from quantize.fidelity import NO_ANSWER, answers

ROOT = RUNNER.parents[1]
QUICK = Plan(warmup_runs=1, warmup_s=0.0, samples=7, time_limit_s=30.0)
ROWS = [(f, s, r) for f in RUNTIMES for s in ("float32", "int8") for r in RUNTIMES[f]]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to run commands in, with exported files and 30 labelled images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.keras").touch()
    write_images(tmp_path / "data.npz")
    write_export(tmp_path / "artifacts")
    return tmp_path


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "float32.tflite"
    path.write_bytes(tiny_models.tflite())
    return Job(path, "tflite", "litert", 1, QUICK)


def runtime_that(tmp_path, monkeypatch, source):
    """Put a tflite_runtime that does ``source`` on import in front of the installed one."""
    package = tmp_path / "fake" / "tflite_runtime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


def runner_that(tmp_path, source):
    path = tmp_path / "fake_runner.py"
    path.write_text(source)
    return path


# runner


@pytest.mark.parametrize(("file_format", "scheme", "runtime"), ROWS)
def test_every_runtime_times_and_answers(tmp_path, file_format, scheme, runtime):
    if runtime == "tflite-runtime":
        pytest.importorskip("tflite_runtime", reason="needs Python 3.11 or older")
    (artifact,) = [
        a
        for a in write_export(tmp_path / "out").artifacts
        if (a.format, a.scheme) == (file_format, scheme)
    ]
    pixels = np.load(write_images(tmp_path / "data.npz"))["x"]
    np.save(tmp_path / "a.npy", pixels[:20])
    np.save(tmp_path / "b.npy", pixels[20:])
    shards, outputs = (tmp_path / "a.npy", tmp_path / "b.npy"), tmp_path / "outputs.npy"
    images = Images(shards, 30, Preprocess(), artifact.inputs[0], artifact.outputs[0], outputs)
    path = tmp_path / "out" / "tiny" / artifact.name
    result = Host().run(Job(path, file_format, runtime, 1, QUICK, images))
    assert result.error is None and result.threads == 1 and result.runtime_version
    assert len(result.samples_ns) == 7 and min(result.samples_ns) > 0
    assert result.load_ns > 0 and result.first_inference_ns > 0
    assert (result.prepare_ns is None) == (runtime == "onnxruntime")
    assert 2**20 < result.peak_rss_bytes < 2**32 and result.images == 30
    made = np.load(outputs)
    assert made.dtype == np.float32 and made.shape == (30, 3)
    real = (pixels / 127.5 - 1).reshape(30, -1) @ tiny_models.weights().T
    off = tiny_models.OUTPUT_SCALE if scheme == "int8" else 1e-4
    assert np.abs(made - real).max() <= off


def test_sampling_ends_at_the_time_limit(job):
    plan = Plan(warmup_runs=0, warmup_s=0.0, samples=10**9, time_limit_s=0.05)
    result = Host(time_limit_s=60).run(replace(job, plan=plan))
    assert result.error is None and 1 <= len(result.samples_ns) < 10**9


def run_directly(text, *arguments):
    """The runner as a device starts it: (exit code, result, standard error)."""
    command = [sys.executable, str(RUNNER), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout), done.stderr


def changed(job, **fields):
    return json.dumps({**json.loads(job.to_json()), **fields})


def test_the_job_may_come_in_a_file(job, tmp_path):
    (tmp_path / "job.json").write_text(job.to_json())
    code, result, _ = run_directly("", str(tmp_path / "job.json"))
    assert code == 0 and len(result["samples_ns"]) == 7


def test_a_model_that_is_none_is_an_error_in_the_result(job, tmp_path):
    for content in (b"not a model", b"", tiny_models.tflite()[:200]):
        job.artifact.write_bytes(content)
        code, result, stderr = run_directly(job.to_json())
        assert code == 2 and result["error"]["kind"] == "bad_model", content
        assert "Traceback" not in stderr
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    onnx = changed(job, artifact=str(tmp_path / "x.onnx"), format="onnx", runtime="onnxruntime")
    assert run_directly(onnx)[1]["error"]["kind"] == "bad_model"


def test_images_of_another_size_are_an_error_in_the_result(job, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((2, 5, 5, 3), np.uint8))
    manifest = write_export(tmp_path / "out")
    images = Images(
        (tmp_path / "images.npy",), 2, Preprocess(), manifest.artifacts[0].inputs[0],
        manifest.artifacts[0].outputs[0], tmp_path / "outputs.npy",
    )  # fmt: skip
    code, result, _ = run_directly(replace(job, images=images).to_json())
    assert code == 2 and result["error"]["kind"] == "bad_input"
    assert "[2, 5, 5, 3]" in result["error"]["message"] and "8, 8, 3" in result["error"]["message"]
    assert not (tmp_path / "outputs.npy").exists()


def test_jobs_that_are_none_are_an_error_in_the_result(job):
    broken = {
        "": "not JSON",
        "[" * 100_000: "not JSON",
        "[]": "expected",
        changed(job, version=2): "version 2",
        changed(job, threads=-1): "threads is -1",
        changed(job, threads="2"): "job.threads",
        changed(job, threads=True): "job.threads",
        changed(job, runtime="onnxruntime"): "format 'tflite'",
        changed(job, extra=1): "extra",
        changed(job, plan={"samples": 3}): "job.plan",
        changed(job, plan={**vars(QUICK), "samples": 0}): "no sample",
        changed(job, plan={**vars(QUICK), "warmup_s": float("nan")}): "finite",
    }
    for text, said in broken.items():
        code, result, stderr = run_directly(text)
        assert (code, result["error"]["kind"]) == (2, "bad_job"), text[:200]
        assert said in result["error"]["message"] and "Traceback" not in stderr


def test_what_runtimes_print_stays_out_of_the_result(job, tmp_path, monkeypatch):
    """Nor do the runner's neighbours in its folder hide modules of the standard library."""
    chatter = "import os, statistics; os.write(1, b'hello {'); print('there')\n"
    runtime_that(tmp_path, monkeypatch, chatter + "raise ImportError(statistics.fmean([1, 2]))")
    code, result, stderr = run_directly(replace(job, runtime="tflite-runtime").to_json())
    assert code == 3 and result["error"]["kind"] == "missing_runtime"
    assert "1.5" in result["error"]["message"] and "hello" in stderr


def test_the_runner_needs_nothing_of_this_project(job, tmp_path):
    alone = tmp_path / "device" / "runner.py"
    alone.parent.mkdir()
    alone.write_bytes(RUNNER.read_bytes())
    assert Host(runner=alone).run(job).error is None


# host


def test_a_runtime_that_aborts_is_an_error_with_its_signal(job, tmp_path, monkeypatch):
    runtime_that(tmp_path, monkeypatch, "import os; os.write(2, b'bad kernel\\n'); os.abort()")
    result = Host().run(replace(job, runtime="tflite-runtime"))
    assert result.error.kind == "crashed" and result.runtime == "tflite-runtime"
    assert "SIGABRT" in result.error.message and "bad kernel" in result.error.message


def test_a_runner_that_hangs_is_ended_with_what_it_started(job, tmp_path):
    source = f"""
import os, subprocess, sys, time
from quantize.fidelity import NO_ANSWER, answers
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
"""
    result = Host(runner_that(tmp_path, source), time_limit_s=2).run(job)
    assert result.error == RunError("timed_out", "no result within 2 s; ended it")
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert not is_running(pid)


def is_running(pid):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    "source",
    [
        "print('Illegal instruction?', end='')",
        "pass",
        "print('{}')",
        "print('[' * 100000)",
        'print(\'{"version": 1, "samples_ns": ["a"], "error": null}\')',
        'print(\'{"version": 1, "samples_ns": [-5], "load_ns": 1, "error": null}\')',
        'print(\'{"version": 1, "samples_ns": [], "load_ns": 1, "error": null}\')',
        'print(\'{"version": 1, "samples_ns": [1], "secret": 1, "error": null}\')',
        "print('x' * (100 << 20))",
        "import sys; sys.exit(5)",
    ],
)
def test_garbage_is_an_error_that_shows_some_of_it(job, tmp_path, source):
    result = Host(runner_that(tmp_path, source)).run(job)
    assert result.error.kind == "garbage" and len(result.error.message) < 1000
    if "Illegal" in source:
        assert "'Illegal instruction?'" in result.error.message


# figures


def test_latency_is_numpys_median_and_percentile():
    samples = np.random.default_rng(1).integers(1, 10**9, 101)
    made = latency(tuple(samples.tolist()))
    assert made == Latency(np.median(samples), np.percentile(samples, 90), 101)
    assert latency((4, 1)) == Latency(2.5, pytest.approx(3.7), 2)
    assert latency((3,)) == Latency(3, 3, 1) and latency(()) is None


def test_answers_are_the_largest_output():
    outputs = np.array([[0.1, 0.9], [0.5, 0.5], [np.nan, 1], [np.inf, 0]], np.float32)
    assert answers(outputs, "softmax").tolist() == [1, 0, NO_ANSWER, NO_ANSWER]


def test_one_output_says_yes_above_a_half():
    outputs = np.array([[0.4], [0.6]], np.float32)
    assert answers(outputs, "sigmoid").tolist() == [0, 1]
    assert answers(outputs - 0.5, "logits").tolist() == [0, 1]


def test_no_answer_is_neither_right_nor_in_agreement():
    said = np.array([0, 1, NO_ANSWER])
    assert judge(said, np.array([0, 2, 1]), said) == Accuracy(3, 1, 2)
    unknown = judge(said, None, None)
    assert unknown.top1 is None and percent(unknown.top1) == "n/a"
    with pytest.raises(ValueError, match="3 answers against 2"):
        judge(said, None, said[:2])


# images on their way to a runner


def test_batches_hold_every_image_once_in_order(tmp_path):
    write_images(tmp_path / "data.npz", n=600)
    data = open_dataset(str(tmp_path / "data.npz"), "DATA", ImageSize(8, 8, 3), 3)
    indices, pixels = [], []
    batches = Batches(data, np.arange(600), tmp_path / "batch", batch_bytes=1)
    for batch in batches:
        assert len(list((tmp_path / "batch").iterdir())) == len(batch.shards) == 1
        indices.extend(batch.indices)
        pixels.extend(np.load(batch.shards[0]))
    assert indices == list(range(600)) == [i for batch in batches for i in batch.indices]
    assert np.array_equal(pixels, np.load(tmp_path / "data.npz")["x"])


# history


def record(result=None, **fields):
    result = result or Result("litert", "2.3.0", 2, 10, 20, 30, (5, 4, 6), 99, 30)
    made = Record(
        "run", "python -m bench run", "host", "tiny", "int8.tflite", "abc", "tflite", "int8",
        result, "demo", Accuracy(30, 29, 28), read_environment(), "2024-01-01T00:00:00+00:00",
    )  # fmt: skip
    return replace(made, **fields)


def test_a_record_comes_back_as_it_was(tmp_path):
    records = Records(tmp_path / "new" / "bench.sqlite")
    failed = Result("onnxruntime", error=RunError("crashed", "SIGSEGV"))
    kept = [record(), record(result=failed, accuracy=None, data=None)]
    for one in kept:
        records.append(one)
    assert records.newest() == kept


def test_only_the_newest_timed_record_is_reported(tmp_path):
    records = Records(tmp_path / "bench.sqlite")
    newer = record(artifact_sha256="def")
    for one in (record(), newer, record(kind="gate")):
        records.append(one)
    assert records.newest() == [newer]


def test_a_writer_that_is_killed_loses_nothing_it_finished(tmp_path):
    source = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "from test_bench import record, Records\n"
        "from pathlib import Path\n"
        "while True: print(Records(Path(sys.argv[1])).append(record()), flush=True)\n"
    )
    path = tmp_path / "bench.sqlite"
    command = [sys.executable, "-c", source, str(path), str(ROOT), str(Path(__file__).parent)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    finished = [[writer.stdout.readline() for _ in range(10)] for writer in writers]
    for writer, lines in zip(writers, finished, strict=True):
        writer.kill()
        lines += writer.communicate()[0].splitlines()
    ids = [int(line) for lines in finished for line in lines]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {i for (i,) in connection.execute("SELECT run_id FROM samples JOIN runs ON id = run_id")}
    assert len(ids) == len(set(ids)) >= 20 and set(ids) <= kept


def test_two_benches_may_make_the_history_at_once(tmp_path):
    path = tmp_path / "bench.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(Records(path).append, record()) for _ in range(4)]
        time.sleep(0.3)
        holder.execute("ROLLBACK")
        assert sorted(one.result() for one in waiting) == [1, 2, 3, 4]


def test_a_history_that_cannot_be_used_is_one_line(tmp_path):
    path = tmp_path / "bench.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(DeviceError, match=r"bench\.sqlite cannot be used .*not a database"):
        Records(path).append(record())
    path.unlink()
    Records(path).append(record())
    connection = sqlite3.connect(path)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(DeviceError, match="locked"):
        Records(path, busy_timeout_s=0.1).append(record())
    connection.execute("PRAGMA user_version = 7")
    connection.commit()
    with pytest.raises(DeviceError, match="schema version 7; this bench knows 1"):
        Records(path).newest()
    with pytest.raises(DeviceError, match="cannot be used"):
        Records(path / "below" / "bench.sqlite").append(record())


# commands


def bench(*more):
    return main(["run", "--model", "tiny.keras", "--data", "data.npz", *more])


@pytest.fixture
def keras(monkeypatch):
    """What Keras would answer, without the seconds that TensorFlow takes to start: its own test
    is ``test_the_command_line_agrees_with_keras``."""
    right = np.eye(3, dtype=np.float32)
    monkeypatch.setattr("bench.run.DEFAULT", QUICK)
    monkeypatch.setattr("models.reference.outputs", lambda s, o, data, i: right[data.labels[i] % 3])
    return monkeypatch


def test_a_row_for_every_file_and_runtime(project, keras, capsys):
    assert bench("--json", "--threads", "1") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(r["format"], r["scheme"], r["runtime"]) for r in rows] == ROWS
    for row in rows:
        assert row["error"] is None and row["median_ms"] > 0 and row["threads"] == 1
        assert (row["images"], row["top1"], row["agreement_with_keras"]) == (30, 1, 1)
    assert len(Records().newest()) == 6


def test_a_runtime_that_crashes_costs_only_its_own_rows(project, keras, monkeypatch, capsys):
    runtime_that(project, monkeypatch, "import os; os.abort()")
    assert bench("--n-eval", "9") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("tiny on host, 2 threads; judged on 9 of 30 images of data.npz")
    crashed = [line for line in shown if "SIGABRT" in line]
    assert len(crashed) == 2 and all("tflite-runtime" in line for line in crashed)
    assert sum("100.00%" in line for line in shown) == 4
    assert shown[-1] == "note: 2 of 6 rows failed"
    assert sum(r.result.error is not None for r in Records().newest()) == 2


def test_when_every_row_fails_the_exit_code_is_3(project, keras, monkeypatch, capsys):
    monkeypatch.setattr("bench.device.DEVICES", {"host": lambda: Host(Path("/nowhere.py"))})
    assert bench() == 3
    shown = capsys.readouterr()
    assert "all 6 rows failed" in shown.err and shown.out.count("error: garbage") == 6


def test_ctrl_c_keeps_the_finished_rows_and_ends_the_runner(project, keras, monkeypatch, capsys):
    pid_file = project / "pid"
    hang = f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    runtime_that(project, monkeypatch, f"import os, time; {hang}")

    def interrupt():
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert bench() == 130
    assert "interrupted" in capsys.readouterr().err
    assert not is_running(int(pid_file.read_text()))
    (kept,) = Records().newest()
    assert (kept.artifact, kept.result.runtime, kept.accuracy.top1) == (
        "float32.tflite",
        "litert",
        1,
    )


def test_a_bench_that_is_terminated_ends_its_runner(project, tmp_path, monkeypatch):
    write_export(
        project / "artifacts", "v2-1-224-random", formats=("tflite",), model={"weights": "random"}
    )
    hang = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    runtime_that(tmp_path, monkeypatch, f"import os, time; {hang}")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])
    command = [sys.executable, "-m", "bench", "run", "--weights", "random"]
    bench_process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        # As a shell starts what it puts in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert bench_process.poll() is None
        time.sleep(0.02)
    bench_process.terminate()
    assert b"interrupted" in bench_process.communicate(timeout=30)[1]
    assert bench_process.returncode == 130
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_unknown_labels_make_top1_na(project, keras, capsys):
    """A user's model on the demo images was not trained for their classes."""
    assert main(["run", "--model", "tiny.keras", "--n-eval", "9", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["top1"] for row in rows] == [None] * 6
    assert all(row["agreement_with_keras"] is not None and row["images"] == 9 for row in rows)


def test_random_weights_are_timed_only(project, monkeypatch, capsys):
    monkeypatch.setattr("bench.run.DEFAULT", QUICK)
    write_export(
        project / "artifacts", "v2-1-224-random", formats=("onnx",), model={"weights": "random"}
    )
    assert main(["run", "--weights", "random"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("timed only")
    assert all(line.split()[-3:] == ["n/a", "n/a", "0"] for line in lines[-2:])


def test_skipped_images_are_counted(project, keras, capsys):
    root = project / "photographs"
    for index, (colour, level) in enumerate((c, v) for c in range(3) for v in (180, 220)):
        folder = root / tiny_models.COLOURS[colour]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((16, 16, 3), np.uint8)
        pixels[..., colour] = level
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (root / "classes.txt").write_text("\n".join(tiny_models.COLOURS))
    (root / "blue" / "4.png").write_bytes(b"broken")
    read = [2, 1, 1, 0, 0]  # folders in order of their names
    keras.setattr("models.reference.outputs", lambda s, o, d, i: np.eye(3, dtype="f")[read])
    command = ["run", "--model", "tiny.keras", "--data", "photographs"]
    assert main(command) == 2 and "4.png" in capsys.readouterr().err
    assert main([*command, "--skip-corrupt", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert any("skipped: 1" in caveat and "4.png" in caveat for caveat in shown["caveats"])
    for row in shown["rows"]:
        assert (row["images"], row["top1"], row["agreement_with_keras"]) == (5, 1, 1)


def test_wrong_requests_are_one_line_and_exit_code_2(project, capsys):
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


def test_the_report_is_the_newest_rows_as_markdown(project, capsys):
    assert main(["report"]) == 2
    assert "results/bench.sqlite has no measurement yet; type make bench" in capsys.readouterr().err
    Records().append(record())
    failed = Result("tflite-runtime", error=RunError("crashed", "a|b"))
    Records().append(record(result=failed, accuracy=None))
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(line.replace("\\|", "").count("|") == 15 for line in lines)
    assert "| int8.tflite | litert |" in lines[2] and "96.67%" in lines[2]
    assert "error: crashed: a\\|b" in lines[3]


def test_the_bench_imports_no_tensorflow():
    source = (
        "import sys, bench.__main__, models.source, models.reference\n"
        "slow = {'tensorflow', 'keras', 'onnxruntime', 'ai_edge_litert', 'tflite_runtime'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)


@pytest.mark.slow
def test_the_command_line_agrees_with_keras(project, monkeypatch):
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
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    (project / "tiny.keras").unlink()
    subprocess.run([sys.executable, "-c", make], check=True)
    command = [sys.executable, "-m", "bench", "run", "--json", "--model", "tiny.keras"]
    done = subprocess.run([*command, "--data", "data.npz"], check=True, stdout=subprocess.PIPE)
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 6 and all(row["agreement_with_keras"] == 1 for row in rows)
