"""pip itself for a device, whose own may be missing or old: Debian leaves it out of Python."""

import csv
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from bench.devices.machine import Machine
from bench.devices.provision.pip_here import last_error, own_pip, pip_here
from bench.devices.provision.wheels import one_at_a_time, wheel_cache
from models.command_line.errors import DeviceError

DOWNLOAD_S = 300.0
# pip is pure Python: unpacked where packages are, it is installed.
SAME_DATE = (1980, 1, 1, 0, 0, 0)


def pip_wheel(machine: Machine) -> Path:
    """A wheel of pip that runs in the Python of ``machine``: of the pip of this Python, without a
    network, unless that Python is older than this pip wants or newer than this Python, whose pip
    may not know it; then the newest. DeviceError where that cannot be downloaded."""
    from packaging.specifiers import SpecifierSet

    version = ".".join(map(str, machine.python_version))
    own = own_pip()
    with one_at_a_time(wheel_cache() / "pip"):
        wanted = SpecifierSet(own.metadata["Requires-Python"] or "")
        if wanted.contains(version) and machine.python_version[:2] <= sys.version_info[:2]:
            return _packed(own)
        return _downloaded(version)


def _packed(pip: metadata.Distribution) -> Path:
    """The installed pip as a wheel, always of the same bytes."""
    wheel = wheel_cache() / "pip" / f"pip-{pip.version}-py3-none-any.whl"
    if wheel.is_file():
        return wheel
    wheel.parent.mkdir(parents=True, exist_ok=True)
    made = wheel.with_suffix(".new")
    inside = {str(f): f for f in pip.files or () if ".." not in f.parts and f.suffix != ".pyc"}
    with zipfile.ZipFile(made, "w") as packed:
        for name, file in sorted(inside.items()):
            content = file.read_binary()
            if file.name == "RECORD":  # says only what is inside, so that it can be checked there
                rows = content.decode().splitlines()
                kept = [row for row in rows if next(csv.reader([row]))[0] in inside]
                content = "".join(f"{row}\n" for row in kept).encode()
            packed.writestr(zipfile.ZipInfo(name, SAME_DATE), content, zipfile.ZIP_DEFLATED)
    return made.rename(wheel)


def _downloaded(version: str) -> Path:
    """The newest pip for Python ``version``, kept."""
    folder = wheel_cache() / "pip" / version
    if not folder.is_dir():
        made = folder.with_name(f"{version}.new")
        shutil.rmtree(made, ignore_errors=True)
        words = ("download", "--no-deps", "--only-binary=:all:", "--python-version", version)
        done = pip_here((*words, "--dest", str(made), "pip"), DOWNLOAD_S)
        if done.returncode:
            said = last_error(done.stderr)
            raise DeviceError(f"pip for Python {version} cannot be downloaded here: {said}")
        made.rename(folder)
    return next(folder.glob("pip-*.whl"))
