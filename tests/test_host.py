"""A runner that crashes, hangs or talks garbage is an error in the result, never in the bench."""

from dataclasses import replace

import pytest
from bench_runs import is_running, runtime_that

from bench.host import Host
from bench.job import RunError


def runner_that(tmp_path, source):
    path = tmp_path / "fake_runner.py"
    path.write_text(source)
    return path


def test_a_runtime_that_aborts_is_an_error_with_its_signal(job, tmp_path, monkeypatch):
    runtime_that(tmp_path, monkeypatch, "import os; os.write(2, b'bad kernel\\n'); os.abort()")
    result = Host().run(replace(job, runtime="tflite-runtime"))
    assert result.error.kind == "crashed" and result.runtime == "tflite-runtime"
    assert "SIGABRT" in result.error.message and "bad kernel" in result.error.message


def test_a_runner_that_hangs_is_ended_with_what_it_started(job, tmp_path):
    source = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
"""
    result = Host(runner_that(tmp_path, source), time_limit_s=2).run(job)
    assert result.error == RunError("timed_out", "no result within 2 s; ended it")
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert not is_running(pid)


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
