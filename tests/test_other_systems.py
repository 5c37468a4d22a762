"""Other systems than Linux: what is asked of each, and that nothing there needs what they lack.

No macOS and no Windows is here: a Python without what they lack stands in for them.
"""

import os
import subprocess
import sys
import tomllib

import pytest
from commands import ROOT, SMALL, files_in
from packaging.requirements import Requirement
from test_layering import MODULES

ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests' / 'other_system'}:{ROOT}"}
IMPORTS = """
import importlib, signal, sys
del signal.SIGHUP, signal.SIGKILL
for module in sys.argv[1:]:
    importlib.import_module(module)
"""


def run(*words, cwd=ROOT, **more):
    environment = {**ENVIRONMENT, **more}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_every_module_is_imported():
    modules = sorted(MODULES)
    done = run("-c", IMPORTS, *modules)
    assert done.returncode == 0, done.stderr


def test_measuring_ends_in_a_line(tiny_project):
    done = run("-m", "bench", "run", "--model", "tiny.keras", cwd=tiny_project)
    assert done.returncode == 3
    assert "error: this system has no process groups; measuring needs Linux or macOS" in done.stderr


@pytest.mark.slow
def test_a_network_is_exported(tmp_path, tmp_path_factory):
    # Of its own: on this system others have locks, and would take what has none for left.
    temporary = str(tmp_path_factory.mktemp("temporary"))
    words = ("-m", "export", *SMALL, "--n-calib", "8", "--out", tmp_path)
    done = run(*words, cwd=tmp_path, TMPDIR=temporary)
    assert done.returncode == 0, done.stderr
    assert [name.partition("/")[2] for name in files_in(tmp_path) if "/" in name] == [
        "float16.onnx", "float16.tflite", "float32.onnx", "float32.tflite", "int8.onnx",
        "int8.tflite", "manifest.json",
    ]  # fmt: skip


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_tflite_runtime_is_asked_for_where_it_has_wheels(system, python):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [Requirement(text) for text in settings["project"]["dependencies"]]
    place = {"sys_platform": system, "python_version": python}
    absent = {one.name for one in wanted if one.marker and not one.marker.evaluate(place)}
    assert absent == (set() if (system, python) == ("linux", "3.11") else {"tflite-runtime"})
