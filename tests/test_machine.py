"""Facts that a device reports, and the reasons for which it cannot be used."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from local_transport import LocalTransport

from bench.devices.machine import probe
from bench.devices.settings import DeviceSettings
from models.command_line.errors import DeviceError, RequestError

pytestmark = pytest.mark.waits

TOOLS = ("sh", "uname", "ldd", "sed")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")


WITHOUT = """
import sys
class Nobody:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise ModuleNotFoundError("No module named " + repr(name))
sys.meta_path.insert(0, Nobody())
sys.modules.pop({module!r}, None)
exec(sys.stdin.read())
"""


class NoisyTransport(LocalTransport):
    """To a shell whose start-up files say something."""

    def argv(self, argv):
        inner = super().argv(argv)
        return ["/bin/sh", "-c", 'echo "cache=/wrong"; "$@"; echo "cache=/gone"', "sh", *inner]


def asked(tmp_path, transport=LocalTransport, python=sys.executable, cache="", **variables):
    """Facts of a device with these variables."""
    environment = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": "", **variables}
    (tmp_path / "home").mkdir(exist_ok=True)
    line = transport(environment)
    line.connect()
    settings = DeviceSettings("pi4", "ssh", "pi@pi4", python=str(python), cache=cache)
    return probe(line, settings)


def program(tmp_path, name, script):
    """A shell script on the way to the other programs."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for tool in TOOLS:
        if not (folder / tool).exists():
            (folder / tool).symlink_to(shutil.which(tool))
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def python_that(tmp_path, substitution):
    """A Python that answers otherwise than this one."""
    script = f"sed '{substitution}' | exec '{sys.executable}' \"$@\""
    return program(tmp_path, "python3", script)


def test_a_device_tells_its_python_its_library_and_its_room(tmp_path):
    found = asked(tmp_path)
    assert found.name == "pi4"
    assert found.machine == found.kernel_machine == platform.machine()
    assert found.python == PurePosixPath(sys.executable)
    assert found.python_version == sys.version_info[:3]
    libc, version = platform.libc_ver()
    assert (found.libc, ".".join(map(str, found.libc_version))) == (libc, version)
    room = shutil.disk_usage(tmp_path)
    assert abs(found.free_bytes - room.free) < room.total / 10


def test_nothing_is_written_by_asking(tmp_path):
    asked(tmp_path)
    assert list((tmp_path / "home").iterdir()) == []


def test_the_cache_is_where_the_device_keeps_caches(tmp_path):
    home = tmp_path / "home"
    own = PurePosixPath("mobilenet-deploy")
    assert asked(tmp_path).cache == PurePosixPath(home) / ".cache" / own
    elsewhere = str(tmp_path / "x d g")
    assert asked(tmp_path, XDG_CACHE_HOME=elsewhere).cache == PurePosixPath(elsewhere) / own
    assert asked(tmp_path, XDG_CACHE_HOME="relative").cache == PurePosixPath(home) / ".cache" / own


@pytest.mark.parametrize("name", ["a b", "it's", 'a"b', "$(id);`id`", "a\nb", "a=b", "ü"])
def test_a_cache_of_any_name_is_told_as_it_is(tmp_path, name):
    assert asked(tmp_path, cache=f"{tmp_path}/{name}").cache == PurePosixPath(f"{tmp_path}/{name}")
    assert asked(tmp_path, cache=f"~/{name}").cache == PurePosixPath(f"{tmp_path}/home/{name}")


def test_a_relative_cache_is_refused(tmp_path):
    with pytest.raises(RequestError, match="cache of pi4 is 'here'; expected an absolute path"):
        asked(tmp_path, cache="here")


@pytest.mark.parametrize("cache", ["/", "~/", "HOME", "HOME/"])
def test_a_cache_that_is_a_folder_of_other_things_is_refused(tmp_path, cache):
    """Its user may have a folder of the name of one of ours there, which would go with ours."""
    with pytest.raises(RequestError, match=r"where other things are.*a folder of its own"):
        asked(tmp_path, cache=cache.replace("HOME", str(tmp_path / "home")))


def test_what_start_up_files_print_is_not_taken_for_an_answer(tmp_path):
    noisy, plain = asked(tmp_path, NoisyTransport), asked(tmp_path)
    assert replace(noisy, free_bytes=plain.free_bytes) == plain


def test_a_library_that_cannot_be_preloaded_is_in_nobodys_way(tmp_path):
    """As that of /etc/ld.so.preload on a Raspberry Pi of another architecture: every program there
    complains."""
    found = asked(tmp_path, LD_PRELOAD="/nowhere/libarmmem.so")
    assert replace(found, free_bytes=0) == replace(asked(tmp_path), free_bytes=0)


def test_a_python_below_the_home_folder_is_found(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "my python").symlink_to(sys.executable)
    assert asked(tmp_path, python="~/my python").python_version == sys.version_info[:3]


def test_a_file_beside_is_not_taken_for_a_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("platform.py").write_text("raise SystemExit('a file of the user')")
    assert asked(tmp_path).machine == platform.machine()


def test_a_32_bit_python_is_told_apart_from_its_kernel(tmp_path):
    python = python_that(tmp_path, 's/struct.calcsize("P")/4/')
    program(tmp_path, "uname", 'case $1 in -s) echo Linux ;; *) echo "aarch64" ;; esac')
    found = asked(tmp_path, python=python, PATH=f"{tmp_path}/bin")
    assert (found.machine, found.kernel_machine) == ("armv7l", "aarch64")


def test_musl_is_known_by_its_ldd(tmp_path):
    python = python_that(tmp_path, 's/platform.libc_ver()/("", "")/')
    program(tmp_path, "ldd", "echo 'musl libc (aarch64)' >&2; echo 'Version 1.2.4' >&2; exit 1")
    found = asked(tmp_path, python=python, PATH=f"{tmp_path}/bin")
    assert (found.libc, found.libc_version) == ("musl", (1, 2))


def test_a_device_without_python_is_told_what_to_type(tmp_path):
    program(tmp_path, "other", "")
    with pytest.raises(DeviceError, match="pi4 has no python3; run there: sudo apt install"):
        asked(tmp_path, python="python3", PATH=f"{tmp_path}/bin")


@pytest.mark.parametrize("version", ["2.7.18", "3.7.3", "3.8.20"])
def test_a_python_that_is_too_old_is_named(tmp_path, version):
    old = program(tmp_path, "python3", f"printf '\\0\\001version={version}\\0'")
    with pytest.raises(DeviceError, match=rf"is Python {version}; expected 3.9 or later"):
        asked(tmp_path, python=old)


def test_the_oldest_python_that_will_do_does(tmp_path):
    python = python_that(tmp_path, "s/sys.version_info\\[:3\\]/(3, 9, 2)/")
    assert asked(tmp_path, python=python).python_version == (3, 9, 2)


def test_another_python_than_cpython_is_refused(tmp_path):
    pypy = python_that(tmp_path, 's/sys.implementation.name/"pypy"/')
    with pytest.raises(DeviceError, match="on pi4 is pypy; expected CPython"):
        asked(tmp_path, python=pypy)


@pytest.mark.parametrize(
    "script",
    ["echo 'Fatal error: no codec' >&2; exit 1", "printf '\\0\\001version=3.11.2\\0'; echo dead"],
)
def test_a_python_that_breaks_off_is_quoted(tmp_path, script):
    broken = program(tmp_path, "python3", script)
    with pytest.raises(
        DeviceError, match=r"python3 on pi4 (does not run|is broken): .*(codec|dead)"
    ):
        asked(tmp_path, python=broken)


@pytest.mark.parametrize("script", ["exit 1", "kill -KILL $$"])
def test_a_python_that_says_nothing_is_not_quoted_with_what_the_shell_found(tmp_path, script):
    with pytest.raises(
        DeviceError, match=r"python3 on pi4 does not run: (it says nothing|Killed)$"
    ):
        asked(tmp_path, python=program(tmp_path, "python3", script))


@pytest.mark.parametrize("module", ["json", "zipfile", "ctypes"])
def test_a_python_without_all_of_its_standard_library_is_told_what_to_install(tmp_path, module):
    """As python3-minimal, and one that was built without a library."""
    (tmp_path / "without.py").write_text(WITHOUT.format(module=module))
    python = program(
        tmp_path, "python3", f'shift 3; exec "{sys.executable}" "{tmp_path}/without.py" "$@"'
    )
    with pytest.raises(DeviceError) as error:
        asked(tmp_path, python=python)
    message = str(error.value)
    assert f"{module}" in message and "\n" not in message
    assert "its standard library is not whole; run there: sudo apt install python3" in message


def test_another_system_than_linux_is_refused(tmp_path):
    program(tmp_path, "uname", "echo Darwin")
    with pytest.raises(DeviceError, match="pi4 runs Darwin; expected Linux"):
        asked(tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")


@pytest.mark.parametrize("home", ["/dev/null", "/bin/sh"])
def test_a_home_that_is_no_folder_is_named(tmp_path, home):
    with pytest.raises(DeviceError, match=f"pi4 cannot write to {home}, where its files"):
        asked(tmp_path, HOME=home)


@AS_ROOT
def test_a_read_only_file_system_is_named(tmp_path):
    card = tmp_path / "card"
    card.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "card", card], check=True)
    try:
        with pytest.raises(DeviceError, match=f"pi4 cannot write to {card}, where its files"):
            asked(tmp_path, cache=f"{card}/cache")
    finally:
        subprocess.run(["umount", card], check=True)


def test_a_device_that_does_not_answer_is_quoted(tmp_path):
    program(tmp_path, "sh", "echo 'no shell for you' >&2; exit 3")
    with pytest.raises(DeviceError, match=r"pi4 does not say what it is: exit code 3, .*for you"):
        asked(tmp_path, PATH=f"{tmp_path}/bin")
