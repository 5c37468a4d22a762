"""The process that makes the files: what cannot be made, or ends the process, costs only itself."""

import os
import signal
from dataclasses import dataclass

import float_graphs
import numpy as np
import pytest
from small_disk import small_disk

from export.artifact import Failure, Unmade
from export.export_file import all_files
from export.file_maker import MakeRequest, Written
from export.image_sets import SavedImages
from export.maker_process import MakerProcess
from models.networks.output_tensor import row_of
from models.networks.spec import ModelSpec
from quantize.methods.plan import Plan

ROOM_OF_ONE = 500_000  # of a megabyte that is left to files of 100 to 400 KB each
FILES = [file for file in all_files() if file.scheme.name in ("float32", "int8", "int8-dynamic")]


@dataclass(frozen=True)
class Deadly(Plan):
    """A plan that ends the process which follows it, as the system does where memory runs out."""

    def __getattribute__(self, name):
        if name == "keep_float":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def graph():
    return float_graphs.of_random_weights(ModelSpec("v2", 0.1, 64, classes=5))


@pytest.fixture
def make(graph, tmp_path):
    """Make FILES by a plan; what became of each, by name, and the folder."""
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(1).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32))
    (tmp_path / "float.tflite").write_bytes(graph.content)
    folder = tmp_path / "folder"
    folder.mkdir()

    def made(plan, folder=folder):
        request = MakeRequest(
            graph=tmp_path / "float.tflite",
            folder=folder,
            explained={},
            images=SavedImages(images, images, images, {}, {}),
            output_kind="softmax",
            outputs=row_of("softmax", 10),
            plan=plan,
            threads=1,
        )
        with MakerProcess() as maker:
            maker.start(request, FILES)
            found = maker.result(lambda *report: None)
        assert list(found) == FILES
        return {file.name: one for file, one in found.items()}, folder

    return made


def check_int8_alone_failed(found, folder, kind=Failure):
    failed = {name for name, one in found.items() if type(one) is kind}
    assert failed == {"int8.tflite", "int8.onnx"}
    there = {name for name, one in found.items() if isinstance(one, Written)}
    assert {file.name for file in folder.iterdir()} == there


def test_a_file_that_cannot_be_made_leaves_the_others(make):
    found, folder = make(Plan(("no such method",), None))
    check_int8_alone_failed(found, folder)
    reason = found["int8.tflite"].reason
    assert "no such method" in reason and "\n" not in reason
    assert found["int8.onnx"].reason == reason


def test_a_process_that_is_killed_costs_the_files_it_died_of(make):
    found, folder = make(Deadly(("min-max",), None))
    check_int8_alone_failed(found, folder, Unmade)
    assert "SIGKILL" in found["int8.tflite"].reason and "memory" in found["int8.tflite"].reason


def test_a_full_disk_keeps_what_was_finished_and_nothing_of_the_rest(make, tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        (disk / "files").mkdir()
        (disk / "filling").write_bytes(bytes(ROOM_OF_ONE))
        found, folder = make(Plan(("min-max",), None), disk / "files")
        unmade = {name: one for name, one in found.items() if isinstance(one, Unmade)}
        assert unmade and len(unmade) < len(found)
        assert {file.name for file in folder.iterdir()} == set(found) - set(unmade)
        for one in unmade.values():
            assert f"No space left on device; it needs room in OUT={disk}" in one.reason
