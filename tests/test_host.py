"""A runner that crashes, hangs or talks garbage is an error in the result, never in the bench."""

import json
import os
import platform
from dataclasses import replace

import pytest
from bench_runs import is_running, runtime_that

from bench.devices.host import Host
from bench.measurement.result import RunError
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits


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


def answer(**fields):
    """A program that prints a result with these fields."""
    whole = {"version": 3, "load_ns": 1, "affinity": None, "states": [], "error": None, **fields}
    return f"print({json.dumps(whole)!r})"


def test_the_answer_that_garbage_is_made_from_is_none_itself(job, tmp_path):
    """Otherwise the cases below would be refused for another reason than the one they show."""
    whole = runner_that(tmp_path, answer(samples_ns=[1], turns=[[0, 1]]))
    assert Host(whole).run(job).samples_ns == (1,)


@pytest.mark.parametrize(
    "source",
    [
        "print('Illegal instruction?', end='')",
        "pass",
        "print('{}')",
        "print('[' * 100000)",
        answer(samples_ns=["a"], turns=[[0, 1]]),
        answer(samples_ns=[-5], turns=[[0, 1]]),
        answer(samples_ns=[], turns=[]),
        answer(samples_ns=[1], turns=[[0, 2]]),
        answer(samples_ns=[1], turns=[[0, 1]], secret=1),
        answer(samples_ns=[1], turns=[[0, 1]], turn_group=1),
        answer(samples_ns=[1], turns=[[0, 1]], batteries=[]),
        answer(samples_ns=[1], turns=[[0, 1]], states=[{"heat": 1}]),
        "print('x' * (100 << 20))",
        "import sys; sys.exit(5)",
    ],
)
def test_garbage_is_an_error_that_shows_some_of_it(job, tmp_path, source):
    result = Host(runner_that(tmp_path, source)).run(job)
    assert result.error.kind == "garbage" and len(result.error.message) < 1000
    if "Illegal" in source:
        assert "'Illegal instruction?'" in result.error.message


def test_a_runner_that_eats_memory_is_ended_before_it_has_all(job, tmp_path, monkeypatch):
    """It may have what was free; more is refused to it, and not to others."""
    monkeypatch.setattr("bench.devices.free_memory.free_memory_bytes", lambda: 2**30)
    eat = "taken = []\nwhile True: taken.append(bytearray(1 << 28))"
    result = Host(runner_that(tmp_path, eat)).run(job)
    assert result.error.kind == "garbage" and "MemoryError" in result.error.message


def test_the_environment_is_that_of_this_machine():
    found = Host().environment()
    assert found.cores == len(os.sched_getaffinity(0)) and found.memory_bytes > 2**28
    assert found.architecture == platform.machine() and "numpy" in found.versions


def test_a_device_that_does_not_say_what_it_is_fails(tmp_path):
    with pytest.raises(DeviceError, match="does not say what machine it is"):
        Host(runner_that(tmp_path, "print('{}')")).environment()
