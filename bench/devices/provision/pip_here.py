"""pip on this machine, as it is configured here."""

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata

from models.command_line.errors import DeviceError

OLDEST_PIP = 26  # before, pip index counted versions without a wheel
TIMEOUTS = ("--timeout", "15", "--retries", "2")


def check_pip() -> None:
    """DeviceError where this Python has no pip, or too old a one."""
    try:
        version = metadata.version("pip")
        found, is_enough = f"pip {version}", int(version.split(".")[0]) >= OLDEST_PIP
    except metadata.PackageNotFoundError:
        found, is_enough = "no pip", False
    if not is_enough:
        raise DeviceError(
            f"{sys.executable} has {found}, where {OLDEST_PIP} or later is needed to make devices "
            f"ready; run: {sys.executable} -m ensurepip; {sys.executable} -m pip install -U pip"
        )


def pip_here(words: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess:
    """pip with these words; one that does not answer in time has failed.

    DeviceError where this Python has no pip that does.
    """
    check_pip()
    # Not a pip.py of the folder that we are in, nor one that PYTHONPATH names.
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        *words,
        "--disable-pip-version-check",
        "--no-input",
    ]
    try:
        words = [*command, *TIMEOUTS]
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {timeout_s:g} s")


def versions_said(stdout: str) -> list[str]:
    """The versions in what ``pip index versions`` wrote; none where it found none."""
    found = re.findall(r"^Available versions: (.+)$", stdout, re.MULTILINE)
    return found[-1].split(", ") if found else []


def last_error(stderr: str) -> str:
    """The last line of pip's output, its errors before its warnings."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(ERROR|\w*Error)\b", line)]
    return (errors or lines or ["nothing"])[-1].removeprefix("ERROR: ")
