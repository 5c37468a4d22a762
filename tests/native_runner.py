"""The native runner, built for this machine, and other programs that are built of its sources for
tests.

The tests of the runner run it with address and undefined-behaviour sanitizers compiled in. Those
that give it a limit of memory, of which a sanitizer takes more than there is, run the release.
"""

import functools
import os
import shutil
from pathlib import Path

import pytest

from bench.devices.native.bundle import Bundle, bundle_for
from bench.devices.native.compiling import compiled_program
from bench.devices.native.places import PLACES
from bench.devices.native.target import HOST
from bench.devices.native.toolchain import toolchain_for

SANITIZERS = "address,undefined"
# Some tests preload a library, ahead of the sanitizer's; a crash is to be one, not an exit code.
os.environ.setdefault("ASAN_OPTIONS", "verify_asan_link_order=0:abort_on_error=1")


@functools.cache
def host_bundle(sanitize: str = SANITIZERS) -> Bundle:
    """The runner and the libraries of the installed packages; "" is the release, as `make native`
    builds it.

    Built once for these sources, by whichever process of the tests asks first. The test is skipped
    where there is no compiler.
    """
    for needed in ("cmake", "c++"):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed here")
    if not (shutil.which("ninja") or shutil.which("make")):
        pytest.skip("neither ninja nor make is installed here")
    return bundle_for(HOST.name, _unseen, sanitize=sanitize)


def built_runner(sanitize: str = SANITIZERS) -> Path:
    """The runner as it is on a device, but for this machine."""
    return host_bundle(sanitize).folder / "runner"


def host_libraries() -> Path:
    """The folder for its --libraries."""
    return host_bundle().folder


def built(program: str) -> Path:
    """Another program of the same sources, which shares with the runner what is compiled."""
    name = host_bundle().folder.parent.name
    with PLACES.alone(name) as folder:
        toolchain = toolchain_for(HOST, None, PLACES)
        return compiled_program(program, toolchain, SANITIZERS, folder, PLACES, _unseen)


def _unseen(doing: str, done: int = 0, total: int | None = None) -> None:
    """Pytest shows no progress of its own."""
