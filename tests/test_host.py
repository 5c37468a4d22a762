"""A runner that crashes, hangs or talks garbage is an error in the result, never in the bench."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench_runs import is_running, runtime_that
from commands import ROOT, environment
from processes import ended, running, wait_until

from bench.devices.free_memory import children
from bench.devices.host import RUNNER, Host
from bench.engine.turns import in_turns
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


BENCH = """
import sys
from pathlib import Path
from bench.devices.host import Host
from bench.measurement.job import Job
from bench.measurement.plan import Plan
print("begun", flush=True)
plan = Plan(precision=0.0, time_limit_s=600.0)
print(Host().run(Job(Path(sys.argv[1]), "tflite", sys.argv[2], 1, plan)))
"""


@pytest.mark.parametrize(
    "runtime", ["litert", pytest.param("litert-native", marks=pytest.mark.slow)]
)
def test_the_runner_ends_with_the_bench_that_is_killed(job, runtime, request):
    """It would go on for ten minutes, and take the cores from the next bench."""
    if runtime == "litert-native":
        request.getfixturevalue("release_runner")
    words = [sys.executable, "-c", BENCH, str(job.artifact), runtime]
    bench = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE)
    assert bench.stdout.readline() == b"begun\n"
    mark = f"--parent\0{bench.pid}"
    wait_until(lambda: running(mark), 120)
    (runner, *_) = running(mark)
    wait_until(lambda: busy_s(runner) > 0.5, 120)  # it infers, and reads no more of its input
    bench.kill()
    bench.communicate()
    assert ended(mark)


def busy_s(pid):
    """Processor time of ``pid`` and, of the native runner, of the process that it watches."""
    found = 0.0
    for one in (pid, *children(pid)):
        ticks = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]
        found += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return found


def test_a_runner_whose_bench_has_ended_already_does_nothing(job):
    words = [sys.executable, str(RUNNER), "--parent", "1"]
    done = subprocess.run(words, input=job.to_json(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")


def test_what_hangs_is_waited_for_once_in_a_whole_bench(job, tmp_path, monkeypatch):
    """However many rows: whoever finds out tells the others, and each says what is not known."""
    asked, path = tmp_path / "asked", tmp_path / "vcgencmd"
    path.write_text(f"#!/bin/sh\necho asked >> {asked}\nexec sleep 600\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = in_turns(Host(), {n: job for n in range(3)}, lambda *_: None)
    assert asked.read_text().count("asked") == 1
    for result in found.values():
        assert result.error is None and result.samples_ns
        assert result.unanswered == ("vcgencmd",)


@pytest.mark.parametrize("names", [["heat"], [7], "x", 7])
def test_what_no_runner_asks_for_is_no_answer(job, tmp_path, names):
    source = f"print({json.dumps(json.dumps({'event': 'ready', 'unanswered': names}))})"
    result = Host(runner_that(tmp_path, source)).run(job)
    assert result.error.kind == "garbage"
