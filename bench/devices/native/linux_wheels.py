"""Wheels of exactly one version for another kind of Linux, for the libraries inside."""

import shutil
import sys
from pathlib import Path, PurePosixPath

from bench.devices.machine import Machine
from bench.devices.provision.pip_here import last_error, pip_here
from bench.devices.provision.wheels import one_at_a_time, platform_tags, wheel_cache
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

DOWNLOAD_S = 1800.0


def linux_wheel(
    package: str, version: str, machine: str, glibc: tuple[int, int], show: Report
) -> Path:
    """The wheel of ``package`` for this Python's version on a Linux of ``machine`` with ``glibc``,
    downloaded with this machine's pip unless it is there; DeviceError where there is none."""
    python = "{}.{}".format(*sys.version_info)
    name = f"{package}-{version}-cp{python}-{machine}-glibc{glibc[1]}"
    folder = wheel_cache() / "native" / name
    with one_at_a_time(folder):
        if not folder.is_dir():
            show(f"downloading {package} {version} for {machine}")
            made = folder.with_name(f"{name}.new")
            shutil.rmtree(made, ignore_errors=True)
            platforms = (w for tag in _tags(machine, glibc) for w in ("--platform", tag))
            words = ("download", "--no-deps", "--only-binary=:all:", "--python-version", python)
            words = (*words, "--implementation", "cp", *platforms, "--dest", str(made))
            done = pip_here((*words, f"{package}=={version}"), DOWNLOAD_S)
            if done.returncode:
                raise DeviceError(
                    f"{package} {version} for {machine} and Python {python} cannot be downloaded "
                    f"here: {last_error(done.stderr)}"
                )
            made.rename(folder)
    return next(folder.glob("*.whl"))


def _tags(machine: str, glibc: tuple[int, int]) -> list[str]:
    nowhere, python = PurePosixPath("/"), sys.version_info[:3]
    target = Machine("", machine, machine, nowhere, python, "glibc", glibc, nowhere, 0)
    return platform_tags(target)
