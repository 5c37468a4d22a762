"""FORMATS and FILES: the files that an export makes, and what a later export adds to them."""

import hashlib
import json

import pytest
from commands import SMALL
from in_process import call

from export.artifact import Manifest
from export.export_file import FileOptions, all_files, wanted_files
from models.command_line.errors import RequestError

SCHEMES = ("float32", "float16", "int8")
SIX = [f"{scheme}.{form}" for form in ("tflite", "onnx") for scheme in SCHEMES]


def names(schemes="", **wanted):
    return [file.name for file in wanted_files(schemes, FileOptions(**wanted))]


def test_without_a_wish_there_are_the_six_and_those_of_schemes():
    assert names() == SIX
    assert set(names("int8-dynamic,int8-per-tensor")) - set(SIX) == {
        "int8-dynamic.tflite", "int8-per-tensor.tflite", "int8-per-tensor.onnx",
    }  # fmt: skip


def test_formats_leave_the_other_ones_out():
    assert names(formats="onnx") == [name for name in SIX if name.endswith(".onnx")]
    assert names(formats="onnx,tflite") == SIX


def test_files_are_named_one_by_one_also_those_of_further_schemes():
    assert names(files="int8.onnx,float32.tflite") == ["float32.tflite", "int8.onnx"]
    assert names(files="int16x8.tflite") == ["int16x8.tflite"]
    assert names(files="int8.onnx", formats="onnx") == ["int8.onnx"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"formats": "tfl"}, "FORMATS has 'tfl'; expected some of tflite,onnx"),
        ({"files": "int8.tflit"}, "did you mean int8.tflite"),
        ({"files": "int8-dynamic.onnx"}, "FILES has 'int8-dynamic.onnx'; expected"),
        ({"files": "int8.onnx,int8.onnx"}, "FILES has 'int8.onnx' twice"),
        ({"files": "int8.onnx", "formats": "tflite"}, "FILES has int8.onnx, but FORMATS is tflite"),
        ({"files": "int8.onnx,"}, "FILES has ''"),
    ],
)
def test_what_there_is_not_is_refused(wanted, message):
    with pytest.raises(RequestError, match=message):
        names(**wanted)


def test_every_file_has_a_name_of_its_own():
    found = [file.name for file in all_files()]
    assert len(set(found)) == len(found) and set(SIX) < set(found)


@pytest.fixture
def export(tmp_path):
    """Export the small network into a folder; the code, the manifest, what is there."""
    folder = tmp_path / "artifacts" / "v2-0.1-64-random"

    def run(*more):
        done = call("export", *SMALL, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        manifest = Manifest.read(folder)
        there = {file.name for file in folder.iterdir()} - {"manifest.json"}
        assert there == {artifact.name for artifact in manifest.artifacts}
        for artifact in manifest.artifacts:
            content = (folder / artifact.name).read_bytes()
            assert artifact.sha256 == hashlib.sha256(content).hexdigest()
        return done, manifest

    return run


@pytest.mark.slow
def test_a_later_export_adds_the_files_that_are_not_there_yet(export):
    _, first = export("--files", "float32.tflite,int8.tflite")
    done, second = export("--files", "int8.onnx,int8.tflite", "--json")
    assert [a.name for a in second.artifacts] == ["float32.tflite", "int8.tflite", "int8.onnx"]
    assert [a.sha256 for a in second.artifacts[:2]] == [a.sha256 for a in first.artifacts]
    assert second.int8 == first.int8 or second.int8["chosen"] == first.int8["chosen"]
    assert json.loads(done.stdout)["key"] == first.key
    done, _ = export("--formats", "tflite", "--files", "int8.tflite")
    assert "unchanged" in done.stdout
    _, whole = export()
    assert [a.name for a in whole.artifacts] == SIX
    done, _ = export("--formats", "onnx")
    assert "unchanged" in done.stdout


@pytest.mark.slow
def test_files_of_other_inputs_go(export):
    export("--files", "float32.tflite,float16.tflite")
    _, manifest = export("--files", "int8.tflite", "--n-calib", "16")
    assert [a.name for a in manifest.artifacts] == ["int8.tflite"]
