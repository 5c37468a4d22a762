"""Modules of ours in child processes: the code that is meant, and no longer than their parent."""

import os
import signal
import subprocess
import sys
import time

import pytest
from commands import ROOT, environment

from models.command_line.child_python import module_command

THEIRS = "raise SystemExit('this is not the program that was asked for')"
NAMES = ("export", "bench", "models", "quantize", "numpy")


@pytest.fixture
def repository(tmp_path):
    """A folder with files that are called as our packages are."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(THEIRS)
    return tmp_path


def run(command, folder, **more):
    env = {**environment(), **more}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("module", ["export", "bench", "quantize", "models.reference"])
def test_a_child_runs_our_module_whatever_its_folder_and_pythonpath_hold(module, repository):
    done = run(module_command(module, "--help"), repository, PYTHONPATH=str(repository))
    assert "this is not" not in done.stdout + done.stderr
    if module != "models.reference":
        assert done.returncode == 0 and done.stdout.startswith("usage: ")


@pytest.mark.parametrize("script", ["export", "quantize", "bench", "gate"])
def test_the_commands_run_in_a_folder_with_files_of_their_packages_names(script, repository):
    program = os.path.join(os.path.dirname(sys.executable), f"mobilenet-{script}")
    done = run([program, "--help"], repository)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout and "this is not" not in done.stdout + done.stderr


def test_make_runs_ours_whatever_pythonpath_holds(repository):
    done = run(["make", "-s", "-C", str(ROOT), "list", "LIMIT=x"], ROOT, PYTHONPATH=str(repository))
    assert done.returncode == 2 and "this is not" not in done.stderr
    assert "LIMIT" in done.stderr or "limit" in done.stderr


PARENT = """
import subprocess, sys, time
sys.path.insert(0, {root!r})
from models.command_line.child_python import module_command
waiting = ["-n1", "-r1", "import time; time.sleep(600)"]
child = subprocess.Popen(module_command("timeit", *waiting))
print(child.pid, flush=True)
time.sleep(600)
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.waits
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc")
def test_a_child_ends_when_its_parent_is_killed():
    command = [sys.executable, "-c", PARENT.format(root=str(ROOT))]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 60
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.1)
    assert not is_running(child)
