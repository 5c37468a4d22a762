"""The runner's archive: one file, always the same bytes, that runs without this project."""

import ast
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from bench.devices.runner_archive import archive, runner_file, sources


@pytest.fixture(scope="module")
def runner():
    with runner_file() as path:
        yield path


def started(runner, folder, text, *arguments, packages=""):
    """(exit code, result) of the archive in a Python without site-packages, in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-S", str(runner), *arguments], input=text, cwd=folder, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": packages}, timeout=60,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


def test_it_needs_nothing_of_this_project(runner, job, tmp_path):
    packages = os.path.dirname(os.path.dirname(np.__file__))
    code, result = started(runner, tmp_path, job.to_json(), packages=packages)
    assert code == 0 and result["error"] is None and len(result["samples_ns"]) >= 7


def test_without_numpy_the_machine_is_told_and_a_job_refused(runner, job, tmp_path):
    code, result = started(runner, tmp_path, job.to_json())
    assert code == 3 and result["error"]["kind"] == "missing_runtime"
    assert "numpy" in result["error"]["message"]
    code, found = started(runner, tmp_path, "", "--environment")
    assert code == 0 and found["cores"] >= 1 and "numpy" not in found["versions"]


def test_its_bytes_depend_on_the_sources_alone(monkeypatch):
    """Whatever the order of the files, the time and the system; another text is another archive."""
    named = sources()
    made = archive(named)
    monkeypatch.setattr(sys, "platform", "win32")
    assert archive(dict(reversed(named.items()))) == made
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert archive({**named, "__main__.py": named["__main__.py"] + b"\n"}) != made


def test_it_holds_the_runner_and_not_the_lease_agent():
    with zipfile.ZipFile(io.BytesIO(archive(sources()))) as packed:
        names = packed.namelist()
    assert "__main__.py" in names and "bench/on_device/timing_loop.py" in names
    assert "quantize/runtime/model_session.py" in names
    assert not [name for name in names if "lease_agent" in name]


def test_its_files_are_of_the_oldest_python_that_a_device_may_have():
    for name, content in sources().items():
        ast.parse(content, name, feature_version=(3, 9))
        assert b"strict=" not in content, name
