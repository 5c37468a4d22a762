"""Modules of ours in child processes: the code that is meant, and no longer than their parent."""

import os
import signal
import subprocess
import sys
import time
import tomllib

import pytest
from commands import ROOT, SMALL, environment

from models.command_line.child_python import module_command

THEIRS = "raise SystemExit('this is not the program that was asked for')"
NAMES = ("export", "bench", "models", "quantize", "numpy", "signal", "json", "random")


@pytest.fixture
def repository(tmp_path):
    """A folder with files that are called as our packages are, and as some of Python's."""
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


SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture
def script(request, tmp_path):
    """A command of ours, as pip installs it; it finds our code as it does in this environment."""
    module, function = SCRIPTS[request.param].split(":")
    path = tmp_path / "bin" / request.param
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.append({str(ROOT)!r})\n"
        f"from {module} import {function}\nsys.exit({function}())\n"
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("pythonpath", [None, ".", "elsewhere"])
@pytest.mark.parametrize("script", SCRIPTS, indirect=True)
def test_the_commands_run_whatever_their_folder_and_pythonpath_hold(
    script, repository, monkeypatch, pythonpath
):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if pythonpath:
        monkeypatch.setenv("PYTHONPATH", str(repository) if pythonpath == "elsewhere" else ".")
    done = subprocess.run([script, "--help"], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout and "this is not" not in done.stdout + done.stderr
    named = "gate" if script.name == "mobilenet-gate" else script.name.removeprefix("mobilenet-")
    assert named in done.stdout


@pytest.mark.parametrize("script", ["mobilenet-bench"], indirect=True)
def test_ctrl_c_before_the_program_listens_ends_it_without_a_traceback(script, tmp_path):
    """It is sent while Python starts for the second time, and kept until then."""
    code = (
        "import os, signal; import mobilenet_deploy\n"
        "def interrupted(*words, of=os.execv): os.kill(os.getpid(), signal.SIGINT); of(*words)\n"
        "os.execv = interrupted\n"
    )
    text = script.read_text()
    script.write_text(text.replace("from mobilenet", f"{code}from mobilenet"))
    done = subprocess.run([script, "list"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT and done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("script", ["mobilenet-export"], indirect=True)
def test_a_process_beside_an_export_runs_nothing_of_the_folder_either(script, repository):
    words = [*SMALL, "--files", "float32.tflite"]
    done = subprocess.run([script, *words], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
