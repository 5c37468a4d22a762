"""A device's Python packages: real wheels by the real pip here, of made ones where that will do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest
from commands import environment
from local_transport import LocalTransport
from made_wheels import write_wheel
from package_index import served
from processes import wait_until

from bench.devices.file_store import FileStore
from bench.devices.machine import probe
from bench.devices.provision import provision as provision_module
from bench.devices.provision.device_indexes import device_indexes
from bench.devices.provision.provision import provision
from bench.devices.provision.requirements import select, versions_here
from bench.devices.runner_archive import runner_file
from bench.devices.settings import DeviceSettings
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits

ROOT = Path(__file__).parent.parent
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
WANTED = {"onnxruntime": "1.31.1", "numpy": "1.26.4"}
# A device has no pip that could find anything.
NOWHERE = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "", "PIP_EXTRA_INDEX_URL": ""}
NO_INDEX = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1"}
VERSIONS = """
import importlib.metadata as m, json, sys
print(json.dumps({d.metadata["Name"]: d.version for d in m.distributions(path=[sys.argv[1]])}))
"""
IMPORTED = """
import importlib, sys
sys.path.insert(1, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


class Pi(LocalTransport):
    """A device in a folder: its home, its variables; counts what it is told to do."""

    name = "pi4"

    def __init__(self, folder, **variables):
        self.home = folder / "home of pi"
        self.home.mkdir(parents=True)
        super().__init__({"HOME": str(self.home), "XDG_CACHE_HOME": "", **NOWHERE, **variables})
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
        """Its Python with its packages."""
        self.notes.clear()
        machine = machine or self.machine()
        store = FileStore(self, machine.cache)
        store.make_folder()
        return provision(self, store, machine, self.notes.append, show)

    @property
    def folders(self):
        return sorted(
            path.name for path in (self.home / ".cache/mobilenet-deploy/python").iterdir()
        )

    def installed(self, python):
        return json.loads(self.run_check([*python.words, "-c", VERSIONS, folder_of(python)], 60))

    def imported(self, python, *modules):
        """The exit code of a Python that imports them from its packages."""
        words = [*python.words, "-I", "-c", IMPORTED, folder_of(python), *modules]
        return self.run(words, 60).code


def show(doing, done=0, total=None):
    """Nobody looks."""


class FolderWheels:
    """As HostWheels, which test_wheels.py tests, of a folder: no pip takes its seconds."""

    last_words = "nothing there"

    def __init__(self, folder, machine, preferred, indexes=()):
        self._folder = folder
        self.selection = select(self._available, preferred, machine)

    def _available(self, name):
        names = [path.name.split("-")[:2] for path in self._folder.glob("*.whl")]
        return [version for package, version in names if package == name]

    def download(self, show):
        return sorted(self._folder.glob("*.whl"))


@pytest.fixture
def real_wheels(tmp_path, monkeypatch):
    """The folder that pip here looks for wheels in, with those of numpy and onnxruntime."""
    monkeypatch.setattr(provision_module, "versions_here", lambda: WANTED)
    for name, value in NO_INDEX.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache here"))
    folder = tmp_path / "wheels here"
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    write_wheel(folder, "numpy", "1.26.4")
    write_wheel(folder, "onnxruntime", "1.31.1", requires=["flat"])
    write_wheel(folder, "flat", "1")
    return folder


@pytest.fixture
def wheels(real_wheels, monkeypatch):
    """The same, found without pip."""
    monkeypatch.setattr(provision_module, "HostWheels", partial(FolderWheels, real_wheels))
    return real_wheels


@pytest.fixture
def pi(tmp_path, wheels):
    """A device without packages yet; this machine has none installed and wants these."""
    return Pi(tmp_path)


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 24 MB."""
    card = tmp_path / "card"
    card.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "card", card], check=True)
    yield card
    subprocess.run(["umount", card], check=True)


def folder_of(python):
    (folder,) = python.packages
    return Path(folder)


def test_packages_are_downloaded_here_pushed_and_unpacked_there(real_wheels, tmp_path):
    """The device needs Python, and no pip: it has no other packages either (-S)."""
    pi = Pi(tmp_path, PATH="/usr/bin:/bin")
    python = pi.provisioned()
    assert pi.installed(python) == {**WANTED, "flat": "1"}
    assert pi.imported(python, "numpy", "onnxruntime", "flat") == 0
    assert pi.imported(python, "pytest") == 1
    assert pi.notes == []
    assert sorted(name.split("-")[0] for name in pi.pushed) == ["flat", "numpy", "onnxruntime"]


def test_nothing_is_left_on_the_device_but_in_its_cache(pi, tmp_path):
    (tmp_path / "tmp").mkdir()
    pi.environment["TMPDIR"] = str(tmp_path / "tmp")
    pi.provisioned()
    assert os.listdir(pi.home) == [".cache"]
    assert os.listdir(pi.home / ".cache") == ["mobilenet-deploy"]
    cache = pi.home / ".cache/mobilenet-deploy"
    assert len(pi.folders) == 1 and os.listdir(cache / "files") == []
    assert os.listdir(tmp_path / "tmp") == []


def test_a_second_time_takes_them_as_they_are_and_asks_no_index(pi, wheels):
    python = pi.provisioned()
    shutil.rmtree(wheels)
    pi.commands.clear(), pi.pushed.clear()
    assert pi.provisioned() == python and not pi.pushed


def test_without_wheels_pip_is_quoted_in_one_line(pi, wheels):
    shutil.rmtree(wheels)
    with pytest.raises(DeviceError) as error:
        pi.provisioned()
    message = str(error.value)
    assert message.startswith("pi4: no numpy for Python 3.") and "\n" not in message
    assert message.endswith("here (nothing there); connect this machine to a package index")
    assert not (pi.home / ".cache/mobilenet-deploy/python").exists()


@pytest.mark.slow
def test_an_index_that_only_the_device_is_configured_to_ask_is_asked_from_here(
    real_wheels, tmp_path, monkeypatch
):
    pi = Pi(tmp_path)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr("bench.devices.provision.pip_here.TIMEOUTS", ("--retries", "0"))
    with served(real_wheels, tmp_path / "index") as index:
        pi.environment["PIP_EXTRA_INDEX_URL"] = index
        assert WANTED.items() <= pi.installed(pi.provisioned()).items()


def test_what_differs_from_here_is_noted_each_time(pi, wheels):
    next(wheels.glob("onnx*")).unlink()
    write_wheel(wheels, "onnxruntime", "1.19.2", "raise OSError('no libstdc++.so.6')")
    for _ in range(2):
        assert pi.installed(pi.provisioned())["onnxruntime"] == "1.19.2"
        assert len(pi.notes) == 2
        assert pi.notes[0].startswith("pi4: onnxruntime 1.31.1 has no wheel for Python 3.")
        assert pi.notes[0].endswith("; 1.19.2 instead")
        message = (
            "pi4: onnxruntime 1.19.2 does not run there: OSError: no libstdc++.so.6; run make "
        )
        assert pi.notes[1] == f"{message}device-clean DEVICE=pi4, and try again"


def test_a_runtime_without_wheels_does_not_keep_the_others(pi, wheels):
    next(wheels.glob("onnx*")).unlink()
    assert "numpy" in pi.installed(pi.provisioned())
    assert pi.notes[0].startswith("pi4: onnxruntime has no wheel")


def test_other_versions_here_make_another_folder(pi, wheels, monkeypatch):
    before = pi.provisioned()
    write_wheel(wheels, "onnxruntime", "1.32.0")
    newer = {**WANTED, "onnxruntime": "1.32.0"}
    monkeypatch.setattr(provision_module, "versions_here", lambda: newer)
    after = pi.provisioned()
    assert [pi.installed(python)["onnxruntime"] for python in (before, after)] == [
        "1.31.1", "1.32.0",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["lost", "short", "unmarked", "gone"])
def test_packages_that_are_not_whole_are_made_again(pi, fault):
    python = pi.provisioned()
    folder = folder_of(python)
    if fault == "lost":
        (folder / "numpy" / "__init__.py").unlink()
    elif fault == "short":  # as a power cut leaves it
        next(folder.glob("flat-*/METADATA")).write_bytes(b"")
    elif fault == "unmarked":
        (folder / "made.json").unlink()
    else:
        shutil.rmtree(folder)
    pi.pushed.clear()
    assert pi.provisioned() == python and len(pi.pushed) == 3
    assert pi.installed(python) == {**WANTED, "flat": "1"}
    assert pi.imported(python, "numpy", "onnxruntime", "flat") == 0


@pytest.mark.parametrize("point", [".new.", " numpy onnxruntime"])
def test_a_connection_that_breaks_leaves_nothing_that_is_taken_for_whole(pi, point):
    pi.cut_at = point
    with pytest.raises(ConnectionLost):
        pi.provisioned()
    pi.cut_at = None
    pi.connect()
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()
    assert len(pi.folders) == 1


@pytest.mark.slow
def test_killed_in_the_middle_they_are_whole_the_next_time(pi, wheels):
    write_wheel(wheels, "numpy", "1.26.4", "import time; time.sleep(600)")
    script = (
        "from test_provision import *\n"
        "provision_module.versions_here = lambda: WANTED\n"
        f"provision_module.HostWheels = partial(FolderWheels, Path({str(wheels)!r}))\n"
        f"pi = Pi.__new__(Pi)\nLocalTransport.__init__(pi, {pi.environment!r})\n"
        "pi.commands, pi.pushed, pi.notes, pi.cut_at = [], [], [], None\n"
        "pi.connect()\npi.provisioned()\n"
    )
    variables = {**environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    child = subprocess.Popen([sys.executable, "-c", script], env=variables, start_new_session=True)
    python = pi.home / ".cache/mobilenet-deploy/python"
    wait_until(lambda: list(python.glob("*.new.*/sizes.json")))
    os.killpg(child.pid, signal.SIGKILL)  # what runs there as well, as a device's agent does
    child.wait()
    write_wheel(wheels, "numpy", "1.26.4")
    assert WANTED.items() <= pi.installed(pi.provisioned()).items()
    assert len(pi.folders) == 1


def test_a_runtime_that_dies_of_a_signal_is_noted(pi, wheels):
    dies = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)"
    write_wheel(wheels, "onnxruntime", "1.31.1", dies)
    pi.provisioned()
    assert pi.notes == [
        f"pi4: onnxruntime 1.31.1 does not run there: signal {signal.SIGILL:d}; it was built for a "
        "newer processor; leave that runtime out with RUNTIMES"
    ]


def test_a_runtime_that_was_mended_there_is_noted_no_more(pi, wheels, tmp_path):
    needed = tmp_path / "needed"
    write_wheel(wheels, "onnxruntime", "1.31.1", f"open({str(needed)!r})")
    pi.provisioned()
    assert len(pi.notes) == 1
    needed.touch()
    pi.pushed.clear()
    pi.provisioned()
    assert pi.notes == [] and pi.pushed == []


# As numpy's, in nine lines of which the last is of no use.
LONG_ERROR = """
try:
    import ctypes
    ctypes.CDLL({library!r})
except OSError as error:
    raise ImportError("IMPORTANT: PLEASE READ THIS\\nOriginal error was: " + str(error) +
                      "\\nrelaunch your\\n        python interpreter from there.") from error
"""


@pytest.mark.parametrize(
    ("library", "command"),
    [
        ("libopenblas.so.0.3", "sudo apt install libopenblas0"),
        ("libgfortran.so.5.9", "sudo apt install libgfortran5"),
        ("libnobody.so.7", "apt-file search libnobody.so.7; and install the package that it names"),
    ],
)
def test_a_library_that_is_missing_there_is_named_with_the_command_that_mends_it(
    pi, wheels, library, command
):
    write_wheel(wheels, "numpy", "1.26.4", LONG_ERROR.format(library=library))
    with pytest.raises(DeviceError) as error:
        pi.provisioned()
    assert str(error.value) == (
        f"pi4: numpy does not run there: OSError: {library}: cannot open shared object file: No "
        f"such file or directory; run there: {command}"
    )


@AS_ROOT
def test_a_cache_that_nothing_may_run_in_is_named(pi, wheels, full_disk):
    """numpy's own libraries are in it."""
    subprocess.run(["mount", "-o", "remount,noexec", full_disk], check=True)
    (source,) = Path("/lib").glob("*/libm.so.6")
    library = full_disk / "library.so"
    shutil.copy(source, library)
    write_wheel(wheels, "numpy", "1.26.4", LONG_ERROR.format(library=str(library)))
    with pytest.raises(DeviceError) as error:
        pi.provisioned(pi.machine(str(full_disk)))
    assert "\n" not in str(error.value)
    reason, _, advice = str(error.value).partition("; ")
    assert reason.endswith("failed to map segment from shared object")
    assert advice.startswith(f"{full_disk} is mounted noexec, so that nothing in it may run; set")
    command = advice.partition("run there: sudo ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    write_wheel(wheels, "numpy", "1.26.4", f"import ctypes\nctypes.CDLL({str(library)!r})")
    pi.provisioned(pi.machine(str(full_disk)))


def test_a_numpy_that_does_not_run_there_is_an_error_and_leaves_nothing(pi, wheels):
    write_wheel(wheels, "numpy", "1.26.4", "raise ImportError('built for another CPU')")
    with pytest.raises(DeviceError, match=r"pi4: numpy does not run there: .*for another CPU"):
        pi.provisioned()
    assert pi.folders == []


@AS_ROOT
def test_a_full_disk_is_named_with_what_is_free_and_given_back(pi, wheels, full_disk):
    write_wheel(wheels, "numpy", "1.26.4", padding_bytes=30_000_000)
    with pytest.raises(DeviceError) as error:
        pi.provisioned(pi.machine(str(full_disk)))
    message = str(error.value)
    assert message.startswith(f"pi4 has no room for its Python packages in {full_disk}: ")
    assert " MB are free" in message
    assert message.endswith("make device-clean DEVICE=pi4")
    assert list((full_disk / "python").iterdir()) == []


@AS_ROOT
def test_a_cache_that_cannot_be_written_is_named(pi, full_disk):
    machine = pi.machine(str(full_disk))
    store = FileStore(pi, machine.cache)
    store.make_folder()
    subprocess.run(["mount", "-o", "remount,ro", full_disk], check=True)
    with pytest.raises(DeviceError, match=f"packages in {full_disk}/python cannot be made: .*Re"):
        provision(pi, store, machine, pi.notes.append, show)


def test_a_cache_may_have_a_name_that_a_variable_could_not_hold(pi, tmp_path):
    python = pi.provisioned(pi.machine(str(tmp_path / "a:b")))
    assert pi.imported(python, "numpy", "onnxruntime") == 0


def test_python_is_not_misled_by_what_it_is_configured_to_there(pi, tmp_path):
    """As on a board with ROS, whose variables name another Python's packages, and one with a home
    that is no Python's."""
    for name in ("zipfile", "numpy", "onnxruntime", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    pi.environment |= {
        "PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONIOENCODING": "utf-16",
        "PYTHONSTARTUP": str(tmp_path / "numpy.py"), "PYTHONUSERBASE": str(tmp_path),
    }  # fmt: skip
    python = pi.provisioned()
    assert pi.notes == []
    with runner_file() as runner:
        words = python.starting(runner)
        found = json.loads(pi.run_check([*words, "--environment"], 60))
    assert found["versions"] == WANTED


def test_packages_of_a_folder_that_does_not_say_what_it_has_are_made_again(pi):
    """As by an earlier version of this program."""
    python = pi.provisioned()
    (folder_of(python) / "made.json").write_text('{"notes": []}')
    pi.pushed.clear()
    assert pi.provisioned() == python and len(pi.pushed) == 3


def test_data_folders_of_a_wheel_are_merged_and_its_scripts_left_out(pi, wheels):
    wheel = next(wheels.glob("flat*"))
    with zipfile.ZipFile(wheel, "a") as packed:
        packed.writestr("flat-1.data/platlib/flat_more/__init__.py", "")
        packed.writestr("flat-1.data/scripts/flat", "#!/bin/sh\n")
    python = pi.provisioned()
    assert pi.imported(python, "flat_more") == 0
    assert not list(folder_of(python).rglob("*scripts*"))


def test_indexes_of_the_device_are_known_but_such_with_a_password(pi, tmp_path):
    urls = "http://a.example/simple https://user:secret@b.example/ file:///c"
    pi.environment["PIP_EXTRA_INDEX_URL"] = urls
    conf = tmp_path / "pip.conf"
    conf.write_text("[global]\nindex-url = https://d.example\n[install]\nextra-index-url =\n"
                    "    https://e.example\n    https://f.example\n")  # fmt: skip
    pi.environment["PIP_CONFIG_FILE"] = str(conf)
    expected = ["http://a.example/simple", *(f"https://{n}.example" for n in "def")]
    assert sorted(set(device_indexes(pi)) & set(expected)) == expected
    assert not [url for url in device_indexes(pi) if "secret" in url or "file" in url]


@pytest.mark.slow
def test_the_real_runtimes_run_there(tmp_path, monkeypatch):
    """From this machine's own index, as it is configured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache here"))
    pi = Pi(tmp_path)
    python = pi.provisioned()
    assert pi.notes == []
    found = pi.installed(python)
    assert {name: found[name] for name in versions_here()} == versions_here()
    assert os.listdir(pi.home / ".cache") == ["mobilenet-deploy"]
