"""Set-up: the Python that is chosen, what pip is told, and what an interruption leaves."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from commands import ROOT

FIND = ROOT / "set_up" / "find_python.sh"
BASIC = ("sh", "sed", "dirname")  # all that the finder needs of a machine


@pytest.fixture
def machine(tmp_path):
    """A PATH that has only what is put there: ``machine(name, version, ...)`` adds a Python."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in BASIC:
        (programs / name).symlink_to(shutil.which(name))

    def add(name, version=None, has_venv=True):
        # What the real one prints when it is probed; without a version: pyenv's name without one.
        body = f"echo {version}; exit {0 if has_venv else 1}" if version else "exit 127"
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)

    add.path = programs
    return add


def find(machine, asked=""):
    """The finder's exit code, what it chose and its message."""
    done = subprocess.run(
        ["sh", str(FIND), asked], env={"PATH": str(machine.path)}, capture_output=True, text=True
    )
    return done.returncode, done.stdout.strip(), done.stderr


def refusal(found):
    """The one line of a refusal, whose exit code is 2."""
    code, chosen, message = found
    assert code == 2 and not chosen
    assert message.startswith("error: ") and message.count("\n") == 1
    return message


def test_the_newest_supported_python_is_taken(machine):
    for version in ("3.9", "3.11", "3.12", "3.14"):
        machine(f"python{version}", version)
    assert find(machine) == (0, "python3.12", "")


def test_a_name_that_leads_nowhere_is_passed_over(machine):
    machine("python3.13")
    machine("python3.11", "3.11")
    assert find(machine) == (0, "python3.11", "")


def test_a_python_without_a_version_in_its_name_is_found(machine):
    machine("python3", "3.13")
    assert find(machine) == (0, "python3", "")


def test_one_that_makes_no_environments_is_passed_over_for_one_that_does(machine):
    machine("python3.13", "3.13", has_venv=False)
    machine("python3.12", "3.12")
    assert find(machine) == (0, "python3.12", "")


def test_where_none_makes_environments_the_package_is_named(machine):
    machine("python3.13", "3.13", has_venv=False)
    assert refusal(find(machine)).endswith("sudo apt install python3.13-venv\n")
    assert "python3.13-venv" in refusal(find(machine, "python3.13"))


def test_where_there_is_none_each_system_is_told_what_to_install(machine):
    machine("python3", "3.10")
    message = refusal(find(machine))
    assert "3.13, 3.12 or 3.11" in message
    for words in (
        "Debian", "Raspberry Pi OS", "Ubuntu", "sudo apt install python3 python3-venv", "macOS",
        "brew install python@3.13", "make PYTHON=",
    ):  # fmt: skip
        assert words in message


def test_the_python_that_was_asked_for_wins(machine):
    for version in ("3.11", "3.13"):
        machine(f"python{version}", version)
    assert find(machine, "python3.11") == (0, "python3.11", "")


@pytest.mark.parametrize(
    "asked, found", [("python3.10", "is Python 3.10"), ("none", "does not run")]
)
def test_another_python_is_refused_before_anything_is_installed(machine, asked, found):
    machine("python3.10", "3.10")
    machine("python3.12", "3.12")
    assert f"PYTHON={asked} {found}; expected" in refusal(find(machine, asked))


def test_the_real_python_answers_as_the_stand_ins_do():
    done = subprocess.run(["sh", FIND, sys.executable], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{sys.executable}\n")


def test_make_ends_with_the_finder_s_line(machine, project):
    words = ["make", "-C", str(project), "export", "PYTHON=python3.10"]
    machine("python3.10", "3.10")
    path = f"{machine.path}:{os.environ['PATH']}"
    done = subprocess.run(words, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 2 and not (project / ".venv").exists()
    assert "error: PYTHON=python3.10 is Python 3.10" in done.stderr


@pytest.fixture
def project(tmp_path):
    """A project that is set up as ours, with nothing to install."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "set_up", folder / "set_up")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "constraints").mkdir()
    (folder / "constraints" / "{}.{}.txt".format(*sys.version_info)).write_text("packaging==26.3\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "small"\nversion = "1"\n'
    )
    (folder / "backend.py").write_text(BACKEND)
    return folder


# Builds a wheel without setuptools, which would have to be downloaded; waits while it is to.
BACKEND = """
import os, time, zipfile
def build_editable(folder, settings=None, metadata=None):
    while os.path.exists("wait"):
        open("waiting", "w").close()
        time.sleep(0.05)
    if os.path.exists("fail"):
        raise SystemExit("the disk is on fire")
    name = "small-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("small-1.dist-info/METADATA",
                       "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: test\\n")
        wheel.writestr("small-1.dist-info/WHEEL",
                       "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("small-1.dist-info/RECORD", "")
    return name
"""


def make(project, *words):
    return subprocess.run(
        ["make", "-C", str(project), "setup", f"PYTHON={sys.executable}", *words],
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_set_up_is_made_once_and_again_for_other_constraints(project):
    first = make(project)
    assert first.returncode == 0, first.stderr
    assert "set-up: ready" in first.stderr and "WARNING" not in first.stderr
    assert "set-up" not in make(project).stderr
    os.utime(project / "pyproject.toml")  # as git does; the content is as before
    assert "set-up" not in make(project).stderr
    (file,) = (project / "constraints").iterdir()
    file.write_text("packaging==26.2\n")
    assert "set-up: ready" in make(project).stderr


@pytest.mark.slow
def test_what_pip_fails_with_is_shown_and_nothing_is_taken_for_ready(project):
    (project / "fail").touch()
    failed = make(project)
    assert failed.returncode == 2 and "the disk is on fire" in failed.stderr
    assert re.search(r"^error: pip has failed; .*\.venv/pip\.log$", failed.stderr, re.MULTILINE)
    (project / "fail").unlink()
    assert make(project).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_set_up_is_made_anew(project, number):
    (project / "wait").touch()
    words = [sys.executable, "set_up/install.py", ".venv"]
    process = subprocess.Popen(words, cwd=project, stderr=subprocess.PIPE, text=True)
    wait_for(project / "waiting")
    process.send_signal(number)
    assert "begins the set-up again" in process.communicate(timeout=60)[1]
    assert process.returncode == 130 and not (project / ".venv" / "ready").exists()
    half = project / ".venv" / "half a package"
    half.touch()
    (project / "wait").unlink()
    assert make(project).returncode == 0
    assert not half.exists() and (project / ".venv" / "ready").exists()


@pytest.mark.slow
def test_an_environment_that_is_a_link_is_made_where_it_leads(project, tmp_path):
    (project / ".venv").symlink_to(tmp_path / "another disk", target_is_directory=True)
    assert make(project).returncode == 0
    (project / ".venv" / "unfinished").touch()
    (project / ".venv" / "ready").unlink()
    again = make(project)
    assert again.returncode == 0, again.stderr
    assert (project / ".venv").is_symlink() and (tmp_path / "another disk" / "ready").exists()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} does not appear"
        time.sleep(0.05)


def test_an_environment_of_another_python_that_make_did_not_make_is_left_alone(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "pyvenv.cfg").write_text("version = 3.4.1\n")
    refused = make(project)
    assert (
        refused.returncode == 2 and "error: .venv is an environment of Python 3.4" in refused.stderr
    )
    assert (project / ".venv" / "pyvenv.cfg").exists()


def test_what_pip_does_is_told(set_up):
    log = "Collecting keras (from small)\n"
    assert set_up.activity(log, 1) == "looking for keras"
    log += "  Downloading https://host/keras-3.1-py3-none-any.whl (1.4 MB)\n"
    assert set_up.activity("", 0) == "pip starts"
    assert set_up.activity(log, 1) == "downloading keras (1.4 MB)"
    log += "Installing collected packages: numpy, keras, tensorflow\n"
    assert set_up.activity(log, 2) == "installing keras (2 of 3)"


def test_warnings_of_pip_are_not_shown(set_up):
    messages = "WARNING: Location 'x' is ignored\nERROR: No matching distribution\n"
    assert set_up.without_warnings(messages) == "ERROR: No matching distribution\n"


@pytest.fixture
def set_up(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "set_up"))
    import install

    return install


def test_uv_is_told_the_same_versions_as_pip(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "set_up"))
    import pin

    assert pin.uv_constraints(ROOT / "constraints") in (ROOT / "pyproject.toml").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("uv"), reason="needs uv (pip install uv)")
def test_uv_chooses_the_same_versions(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "set_up"))
    import pin

    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    words = ["uv", "lock", "--project", str(tmp_path), "--python", sys.executable]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    locked = tomllib.loads((tmp_path / "uv.lock").read_text())["package"]
    own_or_windows = {"mobilenet-deploy", "colorama"}  # the latter is wanted on Windows alone
    found = {(one["name"], one["version"]) for one in locked if one["name"] not in own_or_windows}
    pins = [pin.pinned(file) for file in (ROOT / "constraints").glob("*.txt")]
    assert found <= {pair for one in pins for pair in one.items()}
    assert {"numpy", "tensorflow", "pytest"} <= {name for name, _ in found}


def test_constraints_are_names_and_versions():
    files = sorted((ROOT / "constraints").glob("*.txt"))
    assert [file.stem for file in files] == ["3.11", "3.12", "3.13"]
    for file in files:
        for line in file.read_text().splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line), line
