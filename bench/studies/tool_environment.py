"""Python environments of tools that this project does not install, each made once."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from bench.devices.provision.pip_here import TIMEOUTS, last_error
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

INSTALL_TIMEOUT_S = 3600.0


def tool_python(folder: Path, packages: Sequence[str], show: Report) -> Path:
    """The Python of an environment in ``folder`` that has the ``packages``, which is made unless it
    is there, whole and of the same; DeviceError where pip cannot."""
    ready, wanted = folder / "ready", "\n".join((sys.version, *packages))
    python = folder.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python"
    if ready.is_file() and ready.read_text() == wanted:
        return python
    show(f"installing {', '.join(packages)}")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    words = ["install", "--quiet", "--only-binary=:all:", "--disable-pip-version-check"]
    words += ["--no-input", *TIMEOUTS, *packages]
    try:
        done = subprocess.run(
            [python, "-I", "-m", "pip", *words],
            capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"pip did not end within {error.timeout:g} s") from error
    if done.returncode:
        raise DeviceError(f"{', '.join(packages)} cannot be installed: {last_error(done.stderr)}")
    ready.write_text(wanted)
    return python
