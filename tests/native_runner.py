"""The native runner, built for this machine, and the libraries that it runs files with."""

import fcntl
import functools
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from commands import ROOT

SOURCE = ROOT / "android_harness"
# Where pytest's own cache puts folders, so that `pytest --cache-clear` takes them away.
BUILDS = ROOT / ".pytest_cache" / "d" / "native"


@functools.cache
def built_runner() -> Path:
    """The runner as it is on a device, but for this machine."""
    return built("runner")


def built(target: str, *options: str) -> Path:
    """The program ``target`` with CMake's ``options``, such as -DHARNESS_SANITIZE=address.

    Only what has changed since the last build is compiled. Several processes may ask at once; the
    test is skipped where there is no compiler.
    """
    generator = _generator()
    words = [f"-DNLOHMANN_INCLUDE={_nlohmann_include()}", f"-DPython3_EXECUTABLE={sys.executable}"]
    words += options
    key = hashlib.sha256("\0".join([str(SOURCE), generator, *words]).encode()).hexdigest()[:16]
    folder = BUILDS / key
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "CMakeCache.txt").exists():
            _run(["cmake", "-G", generator, "-S", str(SOURCE), "-B", str(folder), *words])
        _run(["cmake", "--build", str(folder), "--target", target, "--parallel", "2"])
    return folder / target


def host_libraries(folder: Path) -> Path:
    """``folder`` with the libraries of the installed packages, as a bundle has them."""
    folder.mkdir(parents=True, exist_ok=True)
    litert, onnxruntime = (_package(name) for name in ("ai_edge_litert", "onnxruntime"))
    (folder / "libLiteRt.so").symlink_to(litert / "libLiteRt.so")
    (library,) = (onnxruntime / "capi").glob("libonnxruntime.so.*")
    (folder / "libonnxruntime.so.1").symlink_to(library)
    versions = {name: metadata.version(name) for name in ("ai-edge-litert", "onnxruntime")}
    (folder / "versions.json").write_text(json.dumps(versions))
    return folder


def _generator() -> str:
    for needed in ("cmake", "c++"):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed here")
    if shutil.which("ninja"):
        return "Ninja"
    if not shutil.which("make"):
        pytest.skip("neither ninja nor make is installed here")
    return "Unix Makefiles"


def _nlohmann_include() -> Path:
    if importlib.util.find_spec("nlohmann_json") is None:
        pytest.skip("the package nlohmann-json is not installed here")
    return _package("nlohmann_json") / "include"


def _package(name: str) -> Path:
    """The folder of a package, which is not imported for that."""
    return Path(importlib.util.find_spec(name).origin).parent


def _run(words: list[str]) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}"
