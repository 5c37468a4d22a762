"""Facts about a board before anything is put there: its Python, C library and cache folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from bench.devices.python_failure import explained
from bench.devices.settings import DeviceSettings
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import Transport
from models.command_line.errors import DeviceError, RequestError

PROBE_S = 60.0
OLDEST_PYTHON = (3, 9)

# Fields are between NULs and begin with FIELD: what a shell's start-up files print is not among
# them, nor what the loader says of every program where it cannot preload a library that it is told
# to. Python's part also runs in a Python 2, so that one can be told to be too old.
FIELD = "\1"
PROBE = r"""
case $2 in
"~/"*) cache=$HOME/${2#"~/"} ;;
?*) cache=$2 ;;
*) case $XDG_CACHE_HOME in
   /*) cache=$XDG_CACHE_HOME/mobilenet-deploy ;;
   *) cache=$HOME/.cache/mobilenet-deploy ;;
   esac ;;
esac
case $1 in
"~/"*) python=$HOME/${1#"~/"} ;;
*) python=$1 ;;
esac
field() { printf '\0\001%s=%s\0' "$1" "$2"; }
printf '\0'
field system "$(uname -s)"
field kernel_machine "$(uname -m)"
field cache "$cache"
field home "$HOME"
field ldd "$(ldd --version 2>&1)"
found=$(command -v "$python") && field found "$found" && "$python" -E -s - "$cache" 2>&1 <<'END'
import sys
del sys.path[0]
def field(key, value):
    sys.stdout.write("\0\1%s=%s\0" % (key, value))
field("version", ".".join(["%d" % n for n in sys.version_info[:3]]))
if sys.version_info >= (3, 3):
    import os, platform, struct
    import ctypes, json, shutil, subprocess, zipfile  # what is run there later needs these
    field("implementation", sys.implementation.name)
    field("executable", sys.executable)
    field("bits", struct.calcsize("P") * 8)
    field("libc", " ".join(platform.libc_ver()))
    folder = sys.argv[1]
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    room = os.statvfs(folder)
    field("free_bytes", room.f_bavail * room.f_frsize)
    field("cache_parent", folder)
    field("writable", int(os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)))
END
printf '\0'
"""

# 32-bit programs on a 64-bit kernel, as in Raspberry Pi OS on a newer board.
PROGRAMS_32_BIT = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}


@dataclass(frozen=True)
class Machine:
    """A device as its shell and its Python tell it.

    ``machine`` is what Python was built for ("aarch64", "armv7l", "x86_64"), ``kernel_machine``
    what the kernel is. ``libc`` is "glibc", "musl" or "", ``libc_version`` (2, 36). ``cache`` is
    the one folder that may be written to, absolute; ``free_bytes`` were left in its file system.
    """

    name: str
    machine: str
    kernel_machine: str
    python: PurePosixPath
    python_version: tuple[int, int, int]
    libc: str
    libc_version: tuple[int, ...]
    cache: PurePosixPath
    free_bytes: int

    @property
    def short_version(self) -> str:
        return f"{self.python_version[0]}.{self.python_version[1]}"


def probe(transport: Transport, settings: DeviceSettings) -> Machine:
    """Ask a connected device what it is; nothing is written there.

    DeviceError, with what to run there, unless it is a Linux with CPython 3.9 or later and a
    writable cache folder. RequestError where ``settings.cache`` is no absolute path.
    """
    name = settings.name
    argv = ["sh", "-s", "--", settings.python, settings.cache]
    done = transport.run(argv, PROBE_S, PROBE.encode())
    parts = done.stdout.decode(errors="replace").split("\0")[1:-1]
    found = dict(part[1:].split("=", 1) for part in parts if part.startswith(FIELD))
    others = [part for part in parts if not part.startswith(FIELD)]
    words = last_line("\n".join(others)) or last_line(done.stderr) or "it says nothing"
    try:
        return _checked(settings, found, words)
    except (KeyError, ValueError) as error:  # a field that is not there, or no number
        raise DeviceError(
            f"{name} does not say what it is: exit code {done.code}, {done.stderr!r} ({error})"
        ) from error


def _checked(settings: DeviceSettings, found: Mapping[str, str], words: str) -> Machine:
    """The machine that was ``found``; KeyError and ValueError where the answer is none. ``words``:
    the last that its Python said beside the answer."""
    name, python, _ = settings.name, settings.python, found["ldd"]
    if found["system"] != "Linux":
        raise DeviceError(f"{name} runs {found['system']}; expected Linux")
    if not found["cache"].startswith("/"):
        raise RequestError(
            f"cache of {name} is {found['cache']!r}; expected an absolute path, or ~/ and a path"
        )
    if PurePosixPath(found["cache"]) in (PurePosixPath("/"), PurePosixPath(found["home"])):
        raise RequestError(
            f"cache of {name} is {found['cache']!r}, where other things are, which device-clean "
            "may remove; expected a folder of its own, e.g. ~/mobilenet-deploy"
        )
    _check_python(name, python, found, words)
    if found["writable"] != "1":
        raise DeviceError(
            f"{name} cannot write to {found['cache_parent']}, where its files are to be kept; make "
            f"it writable there, or set cache of {name} in devices.toml to a folder that is"
        )
    return _machine(name, found)


def _check_python(name: str, python: str, found: Mapping[str, str], words: str) -> None:
    if "found" not in found:
        raise DeviceError(
            f"{name} has no {python}; run there: sudo apt install python3; "
            f"or set python of {name} in devices.toml"
        )
    if "version" not in found:
        raise DeviceError(f"{found['found']} on {name} does not run: {words}")
    if tuple(map(int, found["version"].split("."))) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise DeviceError(
            f"{found['found']} on {name} is Python {found['version']}; expected {oldest} or later: "
            f"install one there and set python of {name} in devices.toml"
        )
    if "writable" not in found:
        reason = explained(name, PurePosixPath(found["cache"]), words)
        raise DeviceError(f"{found['found']} on {name} is broken: {reason}")
    if found["implementation"] != "cpython":
        raise DeviceError(
            f"{found['found']} on {name} is {found['implementation']}; expected CPython: run "
            f"there: sudo apt install python3; or set python of {name} in devices.toml"
        )


def _machine(name: str, found: Mapping[str, str]) -> Machine:
    kernel = found["kernel_machine"]
    libc, version = _libc(found["libc"], found["ldd"])
    return Machine(
        name=name,
        machine=PROGRAMS_32_BIT.get(kernel, kernel) if found["bits"] == "32" else kernel,
        kernel_machine=kernel,
        python=PurePosixPath(found["executable"]),
        python_version=tuple(map(int, found["version"].split("."))),
        libc=libc,
        libc_version=version,
        cache=PurePosixPath(found["cache"]),
        free_bytes=int(found["free_bytes"]),
    )


def _libc(python_says: str, ldd_says: str) -> tuple[str, tuple[int, ...]]:
    """Name and version of the C library. Python knows glibc; of musl only its ldd tells."""
    if glibc := re.fullmatch(r"glibc (\d+)\.(\d+).*", python_says):
        return "glibc", (int(glibc[1]), int(glibc[2]))
    if musl := re.search(r"musl libc.*\nVersion (\d+)\.(\d+)", ldd_says):
        return "musl", (int(musl[1]), int(musl[2]))
    return "", ()
