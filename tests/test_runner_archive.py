"""The runner's archive: one file, always the same bytes, that runs without this project."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench.devices.runner_archive import archive, runner_file, sources
from bench.devices.runner_python import RunnerPython
from bench.on_device.loaded_packages import MADE
from quantize.runtime.names import installed_version

HERE = Path(np.__file__).parents[1]


@pytest.fixture(scope="module")
def runner():
    with runner_file() as path:
        yield path


def started(runner, folder, text, *arguments, packages=(), **variables):
    """(exit code, result) of the archive in a Python without site-packages, in ``folder``."""
    python = RunnerPython((sys.executable, "-S"), packages)
    done = subprocess.run(
        [*python.starting(runner), *arguments], input=text, cwd=folder, text=True,
        capture_output=True, env={**os.environ, **variables}, timeout=60,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


def test_it_needs_nothing_of_this_project(runner, job, tmp_path):
    code, result = started(runner, tmp_path, job.to_json(), packages=(HERE,))
    assert code == 0 and result["error"] is None and len(result["samples_ns"]) >= 7


@pytest.fixture
def provisioned(tmp_path):
    """``provisioned(**versions)``: a folder of packages that says that it has these."""
    folder = tmp_path / "python" / "3.11-0123"
    folder.mkdir(parents=True)
    for path in HERE.iterdir():
        (folder / path.name).symlink_to(path)

    def made(**versions):
        (folder / MADE).write_text(json.dumps({"notes": [], "versions": versions}))
        return folder

    return made


def test_what_it_was_given_is_what_it_loads(runner, job, tmp_path, provisioned):
    """Whatever the variables of the machine name: a numpy of a board with ROS, say."""
    other = tmp_path / "ros"
    (other / "numpy").mkdir(parents=True)
    (other / "numpy" / "__init__.py").write_text("raise SystemExit('not this one')")
    variables = {"PYTHONPATH": str(other), "PYTHONHOME": str(other), "PYTHONIOENCODING": "utf-16"}
    packages = (
        provisioned(
            **{"numpy": np.__version__, "ai-edge-litert": installed_version("ai-edge-litert")}
        ),
    )
    code, result = started(runner, tmp_path, job.to_json(), packages=packages, **variables)
    assert code == 0 and result["error"] is None


@pytest.mark.parametrize("package", ["numpy", "ai-edge-litert"])
def test_another_version_than_was_put_there_is_an_error_that_names_both(
    runner, job, tmp_path, provisioned, package
):
    versions = {"numpy": np.__version__, "ai-edge-litert": installed_version("ai-edge-litert")}
    folder = provisioned(**{**versions, package: "1.2.3"})
    code, result = started(runner, tmp_path, job.to_json(), packages=(folder,))
    assert code == 3 and result["samples_ns"] == []
    assert result["error"]["message"].startswith(
        f"{package} {versions[package]} of {folder} was loaded, where 1.2.3 of {folder} was put"
    )


def test_a_package_of_another_folder_is_an_error_that_names_both(
    runner, job, tmp_path, provisioned
):
    folder, other = provisioned(numpy=np.__version__), tmp_path / "other"
    other.mkdir()
    (other / "numpy").symlink_to(HERE / "numpy")
    code, result = started(runner, tmp_path, job.to_json(), packages=(other, folder))
    assert code == 3 and f"of {other} was loaded, where" in result["error"]["message"]


def test_a_library_of_another_folder_is_an_error_that_names_it(runner, job, tmp_path):
    """The part of LiteRT that does the work is one, and the loader looks elsewhere first."""
    other = tmp_path / "other"
    other.mkdir()
    name = "libpywrap_litert_common.so"
    shutil.copy(HERE / "ai_edge_litert" / name, other)
    variables = {"LD_LIBRARY_PATH": str(other)}
    code, result = started(runner, tmp_path, job.to_json(), packages=(HERE,), **variables)
    message = f"{other}/{name} was loaded where ai-edge-litert's own was meant; unset LD_LIBRARY"
    assert code == 3 and message in result["error"]["message"] and result["samples_ns"] == []
    (other / name).unlink()
    (other / name).symlink_to(HERE / "ai_edge_litert" / name)
    code, result = started(runner, tmp_path, job.to_json(), packages=(HERE,), **variables)
    assert code == 0 and result["error"] is None


def test_the_reason_is_the_first_error_and_not_what_the_package_makes_of_it(runner, job, tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(
        "try:\n    import ctypes\n    ctypes.CDLL('libopenblas.so.0.0')\n"
        "except OSError as error:\n"
        "    raise ImportError('relaunch your\\npython interpreter from there.') from error\n"
    )
    message = started(runner, tmp_path, job.to_json(), packages=(tmp_path,))[1]["error"]["message"]
    assert "libopenblas.so.0.0: cannot open shared object file" in message


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
