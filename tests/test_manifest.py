"""The manifest: refused with the command that writes a new one, where it cannot be read."""

import contextlib
import json
import os
from copy import deepcopy

import pytest
from commands import ROOT
from in_process import call
from tiny_models import write_export

from export import earlier_export
from export.artifact import MANIFEST_NAME, Manifest
from models.command_line.errors import RequestError


@pytest.fixture
def folder(tmp_path):
    write_export(tmp_path)
    return tmp_path / "tiny"


def change(folder, **fields):
    raw = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**raw, **fields}))


def test_what_is_written_is_read(folder):
    manifest = Manifest.read(folder)
    (folder / MANIFEST_NAME).write_text(manifest.to_json())
    assert Manifest.read(folder) == manifest


def test_a_manifest_that_is_not_there_is_refused_with_the_command_that_writes_it(tmp_path):
    with pytest.raises(RequestError, match=r"there is no .*; run make export ARCH=v1 first"):
        Manifest.read(tmp_path, "make export ARCH=v1")


def test_another_version_is_refused_with_the_command_that_writes_this_one(folder):
    change(folder, version=99)
    with pytest.raises(RequestError, match="version 99; expected 2; run make export ARCH"):
        Manifest.read(folder, "make export ARCH=v1")


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', "not JSON"])
def test_another_file_is_refused_in_one_line(folder, content):
    (folder / MANIFEST_NAME).write_text(content)
    with pytest.raises(RequestError, match="run make export again") as refused:
        Manifest.read(folder)
    assert "\n" not in str(refused.value)


def at(raw, path, value):
    """``raw`` with ``value`` at ``path``, such as "artifacts.0.name"."""
    made = deepcopy(raw)
    inner, (*outer, last) = made, path.split(".")
    for part in outer:
        inner = inner[int(part) if part.isdigit() else part]
    inner[last] = value
    return made


WRONG = {
    "artifacts.0.name": [
        "../float32.tflite",
        "/etc/passwd",
        "a/b.tflite",
        "notes.txt",
        "..",
        "",
        1,
    ],
    "artifacts.0.sha256": [None, 3],
    "artifacts.0.bytes": ["640", -1, 2**70, 1.5, True],
    "artifacts.0.inputs": [[], None, "image", [{"name": "image"}]],
    "artifacts.0.outputs": [[], {}],
    "artifacts.0.scheme": ["int8", None],
    "artifacts.0.ops": [{"CONV": "many"}, []],
    "artifacts.0.loads_in": [{"litert": 1}],
    "artifacts.0.fidelity": ["good", {"images": 3}],
    "artifacts.0.partitions": [{"count": "1", "outside": {}}, [1]],
    "artifacts.0.colour": ["blue"],
    "artifacts": [[], {}, None, [None], ["float32.tflite"]],
    "model_id": ["other", "x" * 300, "../tiny", None],
    "model": [None, {}, {"labels_known": "yes"}, {"labels_known": True, "sha256": 7}],
    "classes": [-1, "3", 1e9],
    "output_kind": ["colours", None],
    "preprocess": [{"scale": "x"}, {"scale": float("nan")}, {"scale": float("inf")}, None],
    "calibration": [None, {}, {"name": "demo", "images": "many"}],
    "evaluation": [[], {"name": 3, "images": 64}],
    "caveats": ["one", [1], None],
    "versions": [{"numpy": 1}],
    "int8": [
        [],
        {"methods": "all"},
        {"methods": [{"method": "min-max"}]},
        {"methods": [{"method": "a", "sqnr_db": 1.0, "seconds": 1.0}], "chosen": "b"},
        {"rungs": [None]},
    ],
    "further": [{"int8-dynamic": None}, [1]],
    "split": [{"groups": 2}, {"groups": "2", "split": [], "whole": []}],
    "input": [{"guess": True}, 3],
    "outputs": [[{"name": "x", "shape": ["a"], "kind": "softmax"}], 5],
    "failed": [[{"name": "x"}], "none"],
    "plan": [[]],
    "version": [[], "2", None],
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_field_is_named_in_one_line_and_never_believed(folder, path):
    raw = json.loads((folder / MANIFEST_NAME).read_text())
    for value in WRONG[path]:
        (folder / MANIFEST_NAME).write_text(json.dumps(at(raw, path, value)))
        with pytest.raises(RequestError, match="run make export again") as refused:
            Manifest.read(folder)
        line = str(refused.value)
        assert {"caveats": "warnings"}.get(path, path.split(".")[-1]) in line
        assert "expected" in line and "\n" not in line and len(line) < 500
        assert earlier_export.read(folder) is None  # a new export is made instead


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"version": ' + b"9" * 5000 + b"}", b"\xff\xfe", b"null", b"NaN"]
)
def test_content_that_no_export_writes_is_refused_in_one_line(folder, content):
    (folder / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(RequestError, match="run make export again") as refused:
        Manifest.read(folder)
    assert "\n" not in str(refused.value)


def test_every_field_of_a_manifest_may_be_of_any_type_without_a_traceback(folder):
    raw = json.loads((folder / MANIFEST_NAME).read_text())

    def paths(value, before=()):
        yield before
        keys = range(len(value)) if isinstance(value, list) else value
        for key in keys if isinstance(value, dict | list) else ():
            yield from paths(value[key], (*before, key))

    for path in list(paths(raw))[1:]:
        for value in (None, True, -1, 2**80, 1e400, "x", [], {}, [[]], {"a": None}):
            made = deepcopy(raw)
            inner = made
            for part in path[:-1]:
                inner = inner[part]
            inner[path[-1]] = value
            (folder / MANIFEST_NAME).write_text(json.dumps(made))
            with contextlib.suppress(RequestError):
                Manifest.read(folder)


def test_a_folder_copied_from_another_model_is_not_that_model(folder):
    os.rename(folder, folder.with_name("copied"))
    with pytest.raises(RequestError, match="model_id is 'tiny'; expected 'copied'"):
        Manifest.read(folder.with_name("copied"))


@pytest.mark.parametrize("thing", ["folder", "pipe", "link to nothing"])
@pytest.mark.parametrize("name", [MANIFEST_NAME, "int8.onnx", ""])
def test_what_is_in_the_way_of_an_export_is_found_before_its_work(tmp_path, thing, name):
    place = tmp_path / "out" / "v2-0.1-64-random" / name
    if not name and thing == "folder":
        pytest.skip("that is its place")
    place.parent.mkdir(parents=True, exist_ok=True)
    if thing == "folder":
        place.mkdir()
    elif thing == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere")
    asked = ("--arch", "v2", "--alpha", "0.1", "--res", "64", "--weights", "random")
    done = call("export", *asked, "--out", str(tmp_path / "out"), cwd=ROOT)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()  # no line of progress: no work was begun
    assert str(place) in line and "remove it" in line


def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(folder):
    (folder / MANIFEST_NAME).unlink()
    os.mkfifo(folder / MANIFEST_NAME)
    with pytest.raises(RequestError, match="it is no file"):
        Manifest.read(folder)
