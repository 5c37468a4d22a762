"""A runtime that crashes, talks or hangs under the native runner."""

import json
import os
import resource
import shutil
import signal
import subprocess

import pytest
from bench_runs import is_running
from processes import wait_until

from bench.devices.free_memory import children

CRASHES = """
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void crash(void) {
  static char much[50000];  // more than is read at once, less than a pipe takes
  write(1, "hello {\\n", 8);
  write(2, "first\\n", 6);
  if (%s) {
    write(2, much, sizeof much);
    write(2, "\\nscale is too small\\n", 20);
    abort();
  }
  sleep(60);
}
"""

LATE_CHILD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
pid_t fork(void) {
  pid_t made = ((pid_t (*)(void))dlsym(RTLD_NEXT, "fork"))();
  if (made == 0) sleep(1);
  return made;
}
"""


@pytest.fixture
def library(tmp_path):
    """``library(crashes)``: a folder with a libLiteRt.so that talks and then crashes, or hangs."""
    if not shutil.which("cc"):
        pytest.skip("cc is not installed here")

    def built(crashes):
        (tmp_path / "bad.c").write_text(CRASHES % int(crashes))
        made = ["cc", "-shared", "-fPIC", "-w", "-o", tmp_path / "libLiteRt.so", tmp_path / "bad.c"]
        subprocess.run(made, check=True)
        return tmp_path

    return built


def test_a_crash_is_an_error_in_the_result_with_the_last_words(library, native_runner, job):
    command = [native_runner, "--libraries", library(crashes=True)]
    done = subprocess.run(command, input=job.to_json(), capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert done.returncode == 3 and result["error"]["kind"] == "crashed"
    for message in (f"signal {signal.SIGABRT.value}", "scale is too small"):
        assert message in result["error"]["message"]
    assert "first" not in result["error"]["message"]
    assert "hello {" in done.stderr and done.stderr.endswith("\nscale is too small\n")
    assert done.stderr.count("\0") == 50_000


def test_a_crash_after_the_answer_adds_nothing_to_it(
    tmp_path, native_runner, native_libraries, job
):
    (tmp_path / "late.c").write_text("void abort(void); void _exit(int code) { abort(); }\n")
    late = tmp_path / "late.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", late, tmp_path / "late.c"], check=True)
    done = subprocess.run(
        [native_runner, "--libraries", native_libraries],
        input=job.to_json(), capture_output=True, text=True,
        env={**os.environ, "LD_PRELOAD": str(late)},
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    assert done.returncode == 3 and json.loads(line)["error"] is None


@pytest.fixture
def hanging(library, native_runner, job):
    """A runner whose runtime hangs; the process, and that of the runtime."""
    command = [native_runner, "--libraries", library(crashes=False)]
    runner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with runner:
        runner.stdin.write(job.to_json().encode() + b"\n")
        runner.stdin.flush()
        assert runner.stderr.readline() == b"hello {\n"
        (child,) = _children(runner.pid)
        yield runner, child
        runner.kill()
    assert not is_running(child)


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_end_ends_the_runtime_too(hanging, number):
    runner, child = hanging
    runner.send_signal(number)
    assert runner.wait(timeout=60) == -number
    assert not is_running(child) and runner.stdout.read() == b""


def test_the_runtime_does_not_outlive_a_runner_that_is_killed(hanging):
    runner, child = hanging
    runner.kill()
    assert runner.wait(timeout=60) == -signal.SIGKILL and not is_running(child)


def test_the_runtime_has_the_signals_that_the_runner_was_started_with(hanging):
    _, child = hanging
    with open(f"/proc/{child}/status") as status:
        (blocked,) = [line.split()[1] for line in status if line.startswith("SigBlk:")]
    assert int(blocked, 16) == 0


def test_a_runtime_that_is_killed_is_an_error_in_the_result(hanging):
    runner, child = hanging
    os.kill(child, signal.SIGKILL)
    result = json.loads(runner.stdout.readline())
    assert runner.wait(timeout=60) == 3
    assert result["error"]["kind"] == "crashed" and "out of memory" in result["error"]["message"]


def test_nobody_reading_the_answer_ends_the_runner(native_runner, native_libraries, job):
    command = [native_runner, "--libraries", native_libraries]
    runner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with runner:
        runner.stdout.close()
        runner.stdin.write(job.to_json().encode() + b"\n")
        runner.stdin.close()
        assert runner.wait(timeout=60) == 3


def test_a_limit_of_memory_that_comes_while_it_forks_holds_for_the_worker_too(
    tmp_path, native_runner, monkeypatch
):
    if not shutil.which("cc"):
        pytest.skip("cc is not installed here")
    (tmp_path / "late.c").write_text(LATE_CHILD)
    made = ["cc", "-shared", "-fPIC", "-o", tmp_path / "late.so", tmp_path / "late.c"]
    subprocess.run(made, check=True)
    process = subprocess.Popen(
        [native_runner], stdin=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": made[4]}
    )
    with process:
        wait_until(lambda: children(process.pid))
        (worker,) = children(process.pid)
        limits = (2**60, 2**60)  # more than a sanitizer takes
        resource.prlimit(process.pid, resource.RLIMIT_DATA, limits)
        assert resource.prlimit(worker, resource.RLIMIT_DATA) != limits
        wait_until(lambda: resource.prlimit(worker, resource.RLIMIT_DATA) == limits, timeout_s=20)
        process.kill()
