"""The native runner's own tests once more, on a runner that address and undefined-behaviour
sanitizers watch."""

import os
import subprocess
import sys

import pytest
from commands import ROOT
from native_runner import SANITIZERS, built_runner

FILES = (
    "test_native_runner.py", "test_native_guard.py", "test_native_images.py",
    "test_native_machine.py", "test_native_onnxruntime.py", 
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_sanitizers_find_nothing(file, monkeypatch):
    monkeypatch.setenv("NATIVE_SANITIZE", SANITIZERS)
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")  # see native_runner
    assert b"__asan_init" in built_runner().read_bytes()
    words = ["-q", "-x", "-p", "no:cacheprovider", "-k", "native", str(ROOT / "tests" / file)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-5000:]
