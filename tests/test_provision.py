"""A device made ready: a real environment by the real pip, of made wheels where that will do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import environment
from local_transport import LocalTransport
from made_wheels import write_wheel
from package_index import served

from bench.devices.file_store import FileStore
from bench.devices.machine import probe
from bench.devices.provision import provision as provision_module
from bench.devices.provision.device_pip import DevicePip
from bench.devices.provision.provision import provision
from bench.devices.provision.requirements import versions_here
from bench.devices.runner_archive import archive, sources
from bench.devices.settings import DeviceSettings
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits

ROOT = Path(__file__).parent.parent
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
WANTED = {"onnxruntime": "1.31.1", "numpy": "1.26.4"}
NO_INDEX = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/nowhere"}
UNREACHABLE = {
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
}
VERSIONS = (
    "import json, importlib.metadata as m\n"
    "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
)


class Pi(LocalTransport):
    """A device in a folder: its home, its wheels, its variables; counts what it is told to do."""

    name = "pi4"

    def __init__(self, folder, **variables):
        self.home = folder / "home of pi"
        self.home.mkdir(parents=True)
        self.wheels = folder / "wheels there"
        links = {**NO_INDEX, "PIP_FIND_LINKS": self.wheels.as_uri()}
        super().__init__({"HOME": str(self.home), "XDG_CACHE_HOME": "", **links, **variables})
        self.commands, self.pushed, self.notes, self.cut_at = [], [], [], None
        self.connect()

    def run(self, argv, timeout_s, stdin=None):
        self.commands.append(" ".join(map(str, argv)))
        if self.cut_at and self.cut_at in self.commands[-1]:
            self.cut()
        return super().run(argv, timeout_s, stdin)

    def put(self, local, remote, show):
        self.pushed.append(local.name)
        super().put(local, remote, show)

    def machine(self, cache=""):
        return probe(self, DeviceSettings("pi4", "ssh", "pi@pi4", "", sys.executable, cache))

    def provisioned(self, machine=None):
        """The Python of the environment."""
        self.notes.clear()
        machine = machine or self.machine()
        store = FileStore(self, machine.cache)
        store.make_folder()
        return provision(self, store, machine, self.notes.append, show)

    @property
    def environments(self):
        return sorted(
            path.name for path in (self.home / ".cache/mobilenet-deploy/python").iterdir()
        )

    def installed(self, python):
        return json.loads(self.run_check([python, "-I", "-c", VERSIONS], 60))


def show(doing, done=0, total=None):
    """Nobody looks."""


@pytest.fixture
def pi(tmp_path, monkeypatch):
    """A device with wheels of numpy and onnxruntime; this machine has none and wants these."""
    return _offline(tmp_path, monkeypatch)


def _offline(folder, monkeypatch):
    monkeypatch.setattr(provision_module, "versions_here", lambda: WANTED)
    for name, value in NO_INDEX.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache here"))
    monkeypatch.setenv("PIP_FIND_LINKS", (folder / "wheels here").as_uri())
    pi = Pi(folder)
    write_wheel(pi.wheels, "numpy", "1.26.4")
    write_wheel(pi.wheels, "onnxruntime", "1.31.1", requires=["flat"])
    write_wheel(pi.wheels, "flat", "1")
    return pi


@pytest.fixture(scope="session")
def ready_home(tmp_path_factory):
    """A device's home with an environment, and its Python's place in it: made once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("ready")
        pi = _offline(folder, patch)
        return pi.home, Path(pi.provisioned()).relative_to(pi.home)


@pytest.fixture
def ready(pi, ready_home):
    """The Python of an environment that was made on ``pi``."""
    home, python = ready_home
    shutil.copytree(home, pi.home, symlinks=True, dirs_exist_ok=True)
    return pi.home / python


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 24 MB; pip alone takes 14."""
    card = tmp_path / "card"
    card.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "card", card], check=True)
    yield card
    subprocess.run(["umount", card], check=True)


def test_an_environment_is_made_from_the_devices_own_index(pi):
    python = pi.provisioned()
    found = pi.installed(python)
    assert {**WANTED, "flat": "1"}.items() <= found.items()
    assert pi.notes == []
    assert [name[:4] for name in pi.pushed] == ["pip-"]


@pytest.mark.slow
def test_nothing_is_left_on_the_device_but_in_its_cache(pi, tmp_path):
    (tmp_path / "tmp").mkdir()
    pi.environment |= {"TMPDIR": str(tmp_path / "tmp"), "PATH": "/usr/bin:/bin"}
    with served(pi.wheels, tmp_path / "index") as index:
        pi.environment |= {**UNREACHABLE, "PIP_INDEX_URL": index}
        pi.environment.pop("PIP_NO_INDEX")
        pi.provisioned()
    assert len(pi.pushed) == 1
    assert os.listdir(pi.home) == [".cache"]
    assert os.listdir(pi.home / ".cache") == ["mobilenet-deploy"]
    assert len(pi.environments) == 1
    assert os.listdir(tmp_path / "tmp") == []


def test_a_second_time_takes_it_as_it_is(pi, ready):
    machine = pi.machine()
    pi.commands.clear()
    store = FileStore(pi, machine.cache)
    assert Path(provision(pi, store, machine, pi.notes.append, show)) == ready
    assert len(pi.commands) == 1


@pytest.mark.slow
def test_a_device_without_an_index_gets_wheels_from_here(pi, tmp_path):
    pi.wheels.rename(tmp_path / "wheels here")
    python = pi.provisioned()
    assert {**WANTED, "flat": "1"}.items() <= pi.installed(python).items()
    assert sorted(name.split("-")[0] for name in pi.pushed) == [
        "flat", "numpy", "onnxruntime", "pip",
    ]  # fmt: skip


@pytest.mark.slow
def test_what_only_this_machines_index_has_comes_from_here(pi, tmp_path):
    shutil.copytree(pi.wheels, tmp_path / "wheels here")
    next(pi.wheels.glob("onnx*")).unlink()
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()
    assert pi.notes == []


@pytest.mark.slow
def test_an_index_that_breaks_off_is_made_up_for_from_here(pi, tmp_path):
    shutil.copytree(pi.wheels, tmp_path / "wheels here")
    next(pi.wheels.glob("flat*")).unlink()
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()


@pytest.mark.slow
def test_without_an_index_on_both_sides_both_are_quoted(pi):
    shutil.rmtree(pi.wheels)
    with pytest.raises(DeviceError) as error:
        pi.provisioned()
    said = str(error.value)
    assert said.startswith("pi4: no numpy for Python 3.")
    assert said.count("No matching distribution found for numpy") == 2
    assert "\n" not in said
    assert pi.environments == []


def test_an_index_that_cannot_be_reached_is_none(pi):
    pi.environment |= UNREACHABLE
    pi.environment.pop("PIP_NO_INDEX")
    with pytest.raises(DeviceError, match=r"pi4: no numpy .* neither there \(.*\) nor here"):
        pi.provisioned()


@pytest.mark.slow
def test_an_index_that_only_the_device_is_configured_to_ask_is_asked_from_here(
    pi, tmp_path, monkeypatch
):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", UNREACHABLE["PIP_INDEX_URL"])
    with served(pi.wheels, tmp_path / "index") as index:
        pi.environment |= {**UNREACHABLE, "PIP_EXTRA_INDEX_URL": index}
        pi.environment |= {"PIP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
        pi.environment.pop("PIP_NO_INDEX")
        python = pi.provisioned()
    assert WANTED.items() <= pi.installed(python).items()
    assert len(pi.pushed) == 4


@pytest.mark.slow
def test_what_is_other_than_here_is_noted_each_time(pi):
    next(pi.wheels.glob("onnx*")).unlink()
    write_wheel(pi.wheels, "onnxruntime", "1.19.2", "raise OSError('no libstdc++.so.6')")
    for _ in range(2):
        assert pi.installed(pi.provisioned())["onnxruntime"] == "1.19.2"
        assert len(pi.notes) == 2
        assert pi.notes[0].startswith("pi4: onnxruntime 1.31.1 has no wheel for Python 3.")
        assert pi.notes[0].endswith("; 1.19.2 instead")
        said = "pi4: onnxruntime 1.19.2 does not run there: OSError: no libstdc++.so.6"
        assert pi.notes[1] == said


@pytest.mark.slow
def test_a_runtime_without_wheels_does_not_keep_the_others(pi):
    next(pi.wheels.glob("onnx*")).unlink()
    assert "numpy" in pi.installed(pi.provisioned())
    assert pi.notes[0].startswith("pi4: onnxruntime has no wheel")


@pytest.mark.slow
def test_other_versions_here_make_another_environment(pi, ready, monkeypatch):
    write_wheel(pi.wheels, "onnxruntime", "1.32.0")
    newer = {**WANTED, "onnxruntime": "1.32.0"}
    monkeypatch.setattr(provision_module, "versions_here", lambda: newer)
    after = pi.provisioned()
    assert [pi.installed(python)["onnxruntime"] for python in (ready, after)] == [
        "1.31.1", "1.32.0",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["lost", "short", "unmarked", "no python", "no package"])
def test_an_environment_that_is_not_whole_is_not_taken(pi, ready, fault):
    _break(ready, fault)
    pi.cut_at = "-m venv"
    with pytest.raises(ConnectionLost):  # making it anew
        pi.provisioned()


@pytest.mark.slow
def test_an_environment_that_is_not_whole_is_made_again(pi, ready):
    _break(ready, "lost")
    assert Path(pi.provisioned()) == ready
    assert WANTED.items() <= pi.installed(ready).items()
    pi.run_check([ready, "-I", "-c", "import numpy, onnxruntime, flat"], 60)


def _break(python, fault):
    folder = next(python.parents[1].glob("lib/python*/site-packages"))
    if fault == "lost":
        (folder / "numpy" / "__init__.py").unlink()
    elif fault == "short":  # as a power cut leaves it
        next(folder.glob("flat-*/METADATA")).write_bytes(b"")
    elif fault == "no package":
        shutil.rmtree(next(folder.glob("flat-*")))
    elif fault == "unmarked":
        (python.parents[1] / "made.json").unlink()
    else:
        python.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("point", [" install ", '"versions"'])
def test_a_line_that_breaks_leaves_nothing_that_is_taken_for_whole(pi, point):
    pi.cut_at = point
    with pytest.raises(ConnectionLost):
        pi.provisioned()
    pi.cut_at = None
    pi.connect()
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()
    assert len(pi.environments) == 1


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.5, 2.5])
def test_killed_in_the_middle_it_is_whole_the_next_time(pi, after_s):
    script = (
        "from test_provision import *\n"
        "provision_module.versions_here = lambda: WANTED\n"
        f"pi = Pi.__new__(Pi)\nLocalTransport.__init__(pi, {pi.environment!r})\n"
        "pi.commands, pi.pushed, pi.notes, pi.cut_at = [], [], [], None\n"
        "pi.connect()\npi.provisioned()\n"
    )
    variables = {**environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    child = subprocess.Popen([sys.executable, "-c", script], env=variables, start_new_session=True)
    python = pi.home / ".cache/mobilenet-deploy/python"
    while not python.exists():
        time.sleep(0.01)
    time.sleep(after_s)
    os.killpg(child.pid, signal.SIGKILL)  # what runs there as well, as a device's agent does
    child.wait()
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()


@pytest.mark.slow
def test_a_runtime_that_dies_of_a_signal_is_noted(pi):
    dies = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)"
    write_wheel(pi.wheels, "onnxruntime", "1.31.1", dies)
    pi.provisioned()
    assert pi.notes == [f"pi4: onnxruntime 1.31.1 does not run there: signal {signal.SIGILL:d}"]


@pytest.mark.slow
def test_a_numpy_that_does_not_run_there_is_an_error_and_leaves_nothing(pi):
    write_wheel(pi.wheels, "numpy", "1.26.4", "raise ImportError('built for another CPU')")
    with pytest.raises(DeviceError, match=r"pi4: numpy does not run there: .*for another CPU"):
        pi.provisioned()
    assert pi.environments == []


@AS_ROOT
@pytest.mark.slow
@pytest.mark.parametrize("side", ["there", "here"])
def test_a_full_disk_is_named_with_what_is_free_and_given_back(pi, full_disk, tmp_path, side):
    write_wheel(pi.wheels, "numpy", "1.26.4", padding_bytes=30_000_000)
    if side == "here":
        pi.wheels.rename(tmp_path / "wheels here")
    with pytest.raises(DeviceError) as error:
        pi.provisioned(pi.machine(str(full_disk)))
    said = str(error.value)
    assert said.startswith(f"pi4 has no room for the Python environment in {full_disk}: 2")
    assert " MB are free" in said
    assert said.endswith("make device-clean DEVICE=pi4")
    assert list((full_disk / "python").iterdir()) == []


@AS_ROOT
def test_a_cache_that_cannot_be_written_is_named(pi, full_disk):
    machine = pi.machine(str(full_disk))
    store = FileStore(pi, machine.cache)
    store.make_folder()
    subprocess.run(["mount", "-o", "remount,ro", full_disk], check=True)
    with pytest.raises(
        DeviceError, match=f"environment in {full_disk}/python cannot be made: .*Re"
    ):
        provision(pi, store, machine, pi.notes.append, show)


def test_a_python_without_venv_is_told_what_to_type(pi, tmp_path):
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\necho "{bare}: No module named venv" >&2\nexit 1\n')
    bare.chmod(0o755)
    with pytest.raises(DeviceError, match="on pi4 has no venv; type there: sudo apt install"):
        pi.provisioned(replace(pi.machine(), python=bare))


@pytest.mark.slow
def test_pip_is_not_misled_by_what_it_is_configured_to_there(pi, tmp_path):
    pi.environment |= {"PIP_USER": "1", "PIP_NO_BINARY": ":all:", "PYTHONPATH": str(tmp_path)}
    (tmp_path / "zipfile.py").write_text("raise SystemExit('not this one')")
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()


def test_indexes_of_the_device_are_asked_from_here_too(pi, ready, tmp_path):
    urls = "http://a.example/simple https://user:secret@b.example/ file:///c"
    pi.environment["PIP_EXTRA_INDEX_URL"] = urls
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\nindex-url = https://d.example\n[install]\nextra-index-url =\n"
                    "    https://e.example\n    https://f.example\n")  # fmt: skip
    pi.environment["PIP_CONFIG_FILE"] = str(conf)
    found = DevicePip(pi, ready.parents[1]).indexes()
    assert sorted(found) == [
        "http://a.example/simple", "https://d.example", "https://e.example", "https://f.example",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, UNREACHABLE], ids=["its index", "wheels from here"])
def test_the_real_runtimes_run_in_the_environment(tmp_path, monkeypatch, variables):
    """From this machine's own index, as it is configured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache here"))
    pi = Pi(tmp_path)
    for name in NO_INDEX:
        pi.environment.pop(name)
        if name in os.environ:
            pi.environment[name] = os.environ[name]
    pi.environment |= {"TMPDIR": str(tmp_path), **variables}
    python = pi.provisioned()
    assert pi.notes == []
    found = pi.installed(python)
    assert {name: found[name] for name in versions_here()} == versions_here()
    pi.run_check([python, "-I", "-m", "pip", "check"], 60)
    assert any("onnxruntime" in name for name in pi.pushed) == bool(variables)
    assert os.listdir(pi.home / ".cache") == ["mobilenet-deploy"]
    runner = tmp_path / "runner.pyz"
    runner.write_bytes(archive(sources()))
    said = json.loads(pi.run_check([python, runner, "--environment"], 60))
    assert said["versions"] == versions_here()
