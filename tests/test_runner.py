"""The runner on real files in the real runtimes: one job in, one result out, whatever happens."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from bench_runs import QUICK, ROWS, runtime_that
from tiny_models import write_export, write_images

from bench.devices import host
from bench.devices.host import RUNNER, Host
from bench.devices.runner_python import RunnerPython
from bench.measurement.job import Images, Job
from bench.measurement.plan import Plan
from bench.on_device import runner
from bench.on_device.stop_rule import is_enough
from models.networks.spec import Preprocess


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
    shards = tmp_path / "a.npy", tmp_path / "b.npy"
    outputs = tmp_path / "a-outputs.npy", tmp_path / "b-outputs.npy"
    images = Images(shards, 30, Preprocess(), artifact.inputs[0], artifact.outputs, outputs)
    path = tmp_path / "out" / "tiny" / artifact.name
    result = Host().run(Job(path, file_format, runtime, 1, QUICK, images))
    assert result.error is None and result.threads == 1 and result.runtime_version
    assert len(result.samples_ns) >= 7 and min(result.samples_ns) > 0
    assert sum(turn.samples for turn in result.turns) == len(result.samples_ns)
    assert result.os_threads >= 1 and result.affinity and len(result.states) >= 2
    assert result.load_ns > 0 and result.first_inference_ns > 0
    assert (result.prepare_ns is None) == (runtime == "onnxruntime")
    assert 2**20 < result.peak_rss_bytes < 2**32 and result.images == 30
    assert [len(np.load(path)) for path in outputs] == [20, 10]
    made = np.concatenate([np.load(path) for path in outputs])
    assert made.dtype == np.float32 and made.shape == (30, 3)
    real = (pixels / 127.5 - 1).reshape(30, -1) @ tiny_models.weights().T
    off = tiny_models.OUTPUT_SCALE if scheme == "int8" else 1e-4
    assert np.abs(made - real).max() <= off


def test_sampling_ends_at_the_time_limit(job):
    plan = Plan(warmup_s=0.0, precision=0.0, time_limit_s=0.05, turn_s=0.001)
    result = Host(time_limit_s=60).run(replace(job, plan=plan))
    assert result.error is None and result.samples_ns  # without a precision, nothing else ends it
    many = {"samples_ns": [1] * 1000}
    assert not is_enough(vars(plan), [1.0] * 50, 0.049, many)
    assert is_enough(vars(plan), [1.0] * 50, 0.05, many)


def run_directly(text, *arguments):
    """The runner as a device starts it: (exit code, result, standard error)."""
    command = [*RunnerPython((sys.executable,), host.PACKAGES).starting(RUNNER), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout), done.stderr


def changed(job, **fields):
    return json.dumps({**json.loads(job.to_json()), **fields})


def test_the_job_may_come_in_a_file(job, tmp_path):
    (tmp_path / "job.json").write_text(job.to_json())
    code, result, _ = run_directly("", str(tmp_path / "job.json"))
    assert code == 0 and len(result["samples_ns"]) >= 7


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
        manifest.artifacts[0].outputs, (tmp_path / "outputs.npy",),
    )  # fmt: skip
    code, result, _ = run_directly(replace(job, images=images).to_json())
    assert code == 2 and result["error"]["kind"] == "bad_input"
    assert "[2, 5, 5, 3]" in result["error"]["message"] and "8, 8, 3" in result["error"]["message"]
    assert not (tmp_path / "outputs.npy").exists()


def test_jobs_that_are_none_are_an_error_in_the_result(job, tmp_path):
    """Refused before a runtime is loaded, so that this process may be the runner's."""
    broken = {
        "": "not JSON",
        "[" * 100_000: "not JSON",
        "[]": "expected",
        changed(job, version=1): "version 1",
        changed(job, threads=-1): "threads is -1",
        changed(job, threads="2"): "job.threads",
        changed(job, threads=True): "job.threads",
        changed(job, runtime="onnxruntime"): "format 'tflite'",
        changed(job, extra=1): "extra",
        changed(job, in_turns=1): "job.in_turns",
        changed(job, unasked=[7]): "job.unasked",
        changed(job, in_turns=True, plan=None): "without a plan",
        changed(job, affinity=["0"]): "job.affinity",
        changed(job, affinity=[4095]): "cannot be had",
        changed(job, plan={"min_samples": 3}): "job.plan",
        changed(job, plan={**vars(QUICK), "min_samples": 0}): "no sample",
        changed(job, plan={**vars(QUICK), "warmup_s": float("nan")}): "finite",
    }
    path = tmp_path / "job.json"
    for text, expected in broken.items():
        path.write_text(text)
        error = runner.run([str(path)], pytest.fail)["error"]
        assert error["kind"] == "bad_job" and expected in error["message"], text[:200]


@pytest.mark.parametrize("text", ["", "[" * 100_000])
def test_a_job_that_is_none_ends_the_runner_with_exit_code_2_and_no_traceback(text):
    code, result, stderr = run_directly(text)
    assert (code, result["error"]["kind"]) == (2, "bad_job") and "Traceback" not in stderr


def test_what_runtimes_print_stays_out_of_the_result(job, tmp_path, monkeypatch):
    """Nor do the files of the runner's folder hide modules of the standard library."""
    chatter = "import os, statistics; os.write(1, b'hello {'); print('there')\n"
    runtime_that(tmp_path, monkeypatch, chatter + "raise ImportError(statistics.fmean([1, 2]))")
    code, result, stderr = run_directly(replace(job, runtime="tflite-runtime").to_json())
    assert code == 3 and result["error"]["kind"] == "missing_runtime"
    assert "1.5" in result["error"]["message"] and "hello" in stderr


def test_a_runner_sleeps_when_its_turn_is_over(job, tmp_path):
    """Threads that go on spinning would have the cores in the turn of the next."""
    manifest = write_export(tmp_path / "out", formats=("onnx",))
    path = tmp_path / "out" / "tiny" / manifest.artifacts[0].name
    spinning = replace(job, artifact=path, format="onnx", runtime="onnxruntime", threads=2)
    with Host().start(replace(spinning, in_turns=True)) as child:
        assert child.is_ready()
        for _ in range(5):
            child.turn()
            assert not _awake_threads(child.pid)


def _awake_threads(pid):
    """Threads besides the main one, which asks for the next turn, that run or wait for a core."""
    threads = [path for path in Path(f"/proc/{pid}/task").iterdir() if path.name != str(pid)]
    assert threads
    states = [(path / "stat").read_text().rpartition(")")[2].split()[0] for path in threads]
    return [state for state in states if state == "R"]


def test_a_run_in_onnx_runtime_leaves_nothing_in_the_home_directory(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    write_export(tmp_path / "out")
    path = tmp_path / "out" / "tiny" / "float32.onnx"
    assert Host().run(Job(path, "onnx", "onnxruntime", 1, QUICK)).error is None
    assert not list(home.iterdir())
