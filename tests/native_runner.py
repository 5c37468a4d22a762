"""The native runner, built for this machine, and what else is built of its sources for tests.

``NATIVE_SANITIZE=address,undefined ASAN_OPTIONS=verify_asan_link_order=0 pytest ...`` runs tests
with those sanitizers compiled in. The option: some preload a library, ahead of the sanitizer's.
Leaks are looked for; nothing that the runtimes keep has had to be left out.
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


def sanitizers() -> str:
    """Those that are asked for."""
    return os.environ.get("NATIVE_SANITIZE", "")


@functools.cache
def host_bundle(sanitize: str = "") -> Bundle:
    """The runner as `make native` builds it, and the libraries of the installed packages.

    Only what has changed since the last build is compiled. Several processes may ask at once; the
    test is skipped where there is no compiler.
    """
    for needed in ("cmake", "c++"):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed here")
    if not (shutil.which("ninja") or shutil.which("make")):
        pytest.skip("neither ninja nor make is installed here")
    return bundle_for(HOST.name, _unseen, sanitize=sanitize)


def built_runner() -> Path:
    """The runner as it is on a device, but for this machine."""
    return host_bundle(sanitizers()).folder / "runner"


def host_libraries() -> Path:
    """What is to follow its --libraries."""
    return host_bundle(sanitizers()).folder


def built(program: str, sanitize: str) -> Path:
    """Another program of the same sources, which shares with the runner what is compiled."""
    name = host_bundle(sanitize).folder.parent.name
    with PLACES.alone(name) as folder:
        toolchain = toolchain_for(HOST, None, PLACES)
        return compiled_program(program, toolchain, sanitize, folder, PLACES, _unseen)


def _unseen(doing: str, done: int = 0, total: int | None = None) -> None:
    """Pytest shows no progress of its own."""
