"""Running our commands as a user's shell does."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

HAS_TFLITE_RUNTIME = importlib.util.find_spec("tflite_runtime") is not None  # not after Python 3.11
ROOT = Path(__file__).parent.parent
SMALL = ("--arch", "v2", "--alpha", "0.1", "--res", "64", "--classes", "10", "--weights", "random")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run(package, *arguments, cwd, timeout_s=1800):
    """``python -m package arguments``, finished."""
    return subprocess.run(
        [sys.executable, "-m", package, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def start(package, *arguments, cwd):
    """The same, running; its standard error is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", package, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def files_in(folder: Path) -> list[str]:
    """Everything under ``folder``."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def outcomes(loads_in):
    """Outcomes in a manifest's ``loads_in`` of the runtimes that this Python can have."""
    return {
        status
        for runtime, status in loads_in.items()
        if HAS_TFLITE_RUNTIME or runtime != "tflite-runtime"
    }
