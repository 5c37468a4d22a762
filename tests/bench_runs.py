"""Shared by the tests of the bench: its rows, a quick plan, and runtimes that misbehave."""

import time
from pathlib import Path

from bench.devices import host
from bench.devices.runtimes import PYTHON
from bench.measurement.job import RUNTIMES
from bench.measurement.plan import Plan

QUICK = Plan(
    warmup_runs=1, warmup_s=0.0, min_samples=7, precision=10.0, time_limit_s=30.0, turn_s=0.001
)
# What the Python runner has.
USUAL = {form: [n for n in names if n in PYTHON] for form, names in RUNTIMES.items()}
ROWS = [(f, s, r) for f in USUAL for s in ("float32", "int8") for r in USUAL[f]]


def runtime_that(tmp_path, monkeypatch, source):
    """Put a tflite_runtime that does ``source`` on import in front of the installed one; the folder
    that it is in."""
    package = tmp_path / "fake" / "tflite_runtime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    monkeypatch.setattr(host, "PACKAGES", (package.parent, *host.PACKAGES))
    return package.parent


def is_running(pid):
    """True if the process is still there after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True
