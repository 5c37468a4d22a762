"""ONNX Runtime in the native runner, through its C API: what the Python runner answers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from native_probe import probe
from onnx import TensorProto, helper

from bench.devices.host import RUNNER
from models.scratch.scratch_folder import PREFIX, scratch_folder

SIDE = tiny_models.SIDE
SCALES = {"input_scale": 0.01, "input_zero_point": 0, "output_scale": 0.5, "output_zero_point": 1}


@pytest.fixture
def libraries(native_libraries):
    return native_libraries


def network(shape=(1, 2, 2, 3), dtype=TensorProto.FLOAT, nodes=("Identity",), ends=1, out=None):
    """Bytes of a file of ``ends`` inputs and outputs, one node between each two of them."""
    made = []
    for number in range(ends):
        names = [f"in{number}", *(f"t{number}_{i}" for i in range(len(nodes) - 1)), f"out{number}"]
        made += [helper.make_node(kind, [a], [b]) for kind, a, b in
                 zip(nodes, names[:-1], names[1:], strict=True)]  # fmt: skip
    inputs, outputs = (
        [helper.make_tensor_value_info(f"{end}{n}", dtype, sizes) for n in range(ends)]
        for end, sizes in (("in", shape), ("out", out or shape))
    )
    graph = helper.make_graph(made, "made", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def asked(tmp_path, content, who, shape=(3, 2, 2, 3), profile_runs=1):
    (tmp_path / "file.onnx").write_bytes(content)
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.save(tmp_path / "shard.npy", pixels)
    images = {
        "shards": [str(tmp_path / "shard.npy")],
        "outputs": [str(tmp_path / f"{who}.npy")],
        **{"scale": 0.1, "offset": -1.0, **SCALES},
    }
    job = {"artifact": str(tmp_path / "file.onnx"), "threads": 2, "images": images}
    return {**job, "profile_runs": profile_runs}


def by_python(job):
    """The Python runner's answer to it."""
    runs = job.pop("profile_runs")
    job |= {"version": 3, "format": "onnx", "runtime": "onnxruntime", "affinity": None}
    job |= {"plan": None, "in_turns": False, "profile": {"runs": runs} if runs else None}
    job |= {"unasked": []}
    done = subprocess.run(
        [sys.executable, str(RUNNER)], input=json.dumps(job), capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def compared(tmp_path, libraries, content, **how):
    native = probe("onnxruntime", libraries, asked=asked(tmp_path, content, "ours", **how))
    expected = by_python(asked(tmp_path, content, "theirs", **how))
    assert native["error"] is None and expected["error"] is None
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    assert (native["images"], native["version"]) == (
        expected["images"],
        expected["runtime_version"],
    )
    return native, expected


@pytest.mark.parametrize("int8", [False, True])
def test_a_classifier_has_the_same_output_bits_and_the_same_profile(tmp_path, libraries, int8):
    content = tiny_models.onnx(int8=int8)
    native, expected = compared(
        tmp_path, libraries, content, shape=(3, SIDE, SIDE, 3), profile_runs=7
    )
    named = [[(op["name"], op["kind"]) for op in found["profile"]] for found in (native, expected)]
    assert named[0] == named[1] and len(named[0]) >= 2
    assert all(op["mean_ns"] >= 0 for op in native["profile"])
    assert native["dtypes"] == (["int8", "int8"] if int8 else ["float32", "float32"])


@pytest.mark.parametrize("dtype", ["FLOAT", "INT8", "UINT8", "INT16"])
def test_each_type_of_input_and_output_that_is_exported_is_taken(tmp_path, libraries, dtype):
    native, _ = compared(tmp_path, libraries, network(dtype=getattr(TensorProto, dtype)))
    named = {"FLOAT": "float32"}.get(dtype, dtype.lower())
    assert native["dtypes"] == [named, named]


@pytest.mark.parametrize("dtype", ["FLOAT16", "DOUBLE", "UINT16", "INT32", "INT64", "BOOL"])
def test_both_runners_refuse_a_file_of_other_types(tmp_path, libraries, dtype):
    content = network(dtype=getattr(TensorProto, dtype))
    native = probe("onnxruntime", libraries, asked=asked(tmp_path, content, "ours"))["error"]
    expected = by_python(asked(tmp_path, content, "theirs", profile_runs=None))["error"]
    for error in (native, expected):
        assert error["kind"] == "bad_model" and "float32, int8, uint8 or int16" in error["message"]


@pytest.mark.parametrize("batch", ["n", None])
def test_an_open_batch_is_one_image(tmp_path, libraries, batch):
    compared(tmp_path, libraries, network((batch, 2, 2, 3)))


def test_a_batch_of_no_image_fails_as_in_python(tmp_path, libraries):
    content = network((0, 2, 2, 3))
    native = probe("onnxruntime", libraries, asked=asked(tmp_path, content, "ours"))["error"]
    expected = by_python(asked(tmp_path, content, "theirs", profile_runs=None))["error"]
    assert native["kind"] == expected["kind"] and "invalid dimensions" in expected["message"]


def test_an_output_whose_shape_the_file_leaves_open_is_read(tmp_path, libraries):
    compared(tmp_path, libraries, network(out=("a", "b", "c", "d")))
    assert np.load(tmp_path / "ours.npy").shape == (3, 12)


BAD = {
    "nothing": b"",
    "no model": b"hello" * 100,
    "truncated": tiny_models.onnx()[:-50],
    "two ends": network(ends=2),
    "texts": network(dtype=TensorProto.STRING),
    "unknown operator": network(nodes=("Identity", "NoSuchOperator")),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_a_file_that_cannot_be_run_is_a_bad_model(tmp_path, libraries, content):
    found = probe("onnxruntime", libraries, asked=asked(tmp_path, content, "ours"))
    expected = by_python(asked(tmp_path, content, "theirs"))
    assert found["error"]["kind"] == expected["error"]["kind"] == "bad_model"
    assert len(found["error"]["message"]) > 20


def test_what_fails_while_it_runs_is_told_by_onnx_runtime(tmp_path, libraries):
    reshape = helper.make_node("Reshape", ["in0", "sizes"], ["out0"])
    cast = helper.make_node("Cast", ["sum"], ["sizes"], to=TensorProto.INT64)
    total = helper.make_node("ReduceSum", ["in0"], ["total"], keepdims=0)
    flat = helper.make_node("Unsqueeze", ["total", "zero"], ["sum"])
    graph = helper.make_graph(
        [total, flat, cast, reshape],
        "fails",
        [helper.make_tensor_value_info("in0", TensorProto.FLOAT, (1, 2, 2, 3))],
        [helper.make_tensor_value_info("out0", TensorProto.FLOAT, ("n",))],
        [helper.make_tensor("zero", TensorProto.INT64, [1], [0])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = made.SerializeToString()
    found = probe("onnxruntime", libraries, asked=asked(tmp_path, content, "ours"))
    expected = by_python(asked(tmp_path, content, "theirs", profile_runs=None))
    assert found["error"]["kind"] == expected["error"]["kind"] == "runtime_failed"
    assert "Reshape" in found["error"]["message"] and "Reshape" in expected["error"]["message"]


@pytest.mark.parametrize("fault", ["nothing", "no library", "another library", "no versions"])
def test_a_runtime_that_is_not_there_is_reported_missing(tmp_path, libraries, fault):
    folder = tmp_path / "lib"
    shutil.copytree(libraries, folder, symlinks=True)
    library = folder / "libonnxruntime.so.1"
    if fault == "no versions":
        (folder / "versions.json").write_text("[]")
    else:
        library.unlink()
    if fault == "no library":
        library.write_bytes(b"\x7fELF" + bytes(100))
    if fault == "another library":
        library.symlink_to((libraries / "libLiteRt.so").resolve())
    found = probe("onnxruntime", folder, asked=asked(tmp_path, tiny_models.onnx(), "ours"))
    assert found["error"]["kind"] == "missing_runtime"
    assert str(folder) in found["error"]["message"]


def test_the_librarys_other_name_and_its_own_word_for_its_version(tmp_path, libraries):
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "libonnxruntime.so").symlink_to((libraries / "libonnxruntime.so.1").resolve())
    compared(tmp_path, folder, tiny_models.onnx(), shape=(3, SIDE, SIDE, 3))


def test_a_profile_leaves_no_file(tmp_path, libraries, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.chdir(tmp_path / "scratch")
    compared(tmp_path, libraries, tiny_models.onnx(), shape=(3, SIDE, SIDE, 3))
    assert not list((tmp_path / "scratch").iterdir())


def test_what_a_killed_runner_left_goes_with_the_next_profile(tmp_path, libraries, monkeypatch):
    temporary = tmp_path / "scratch"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    left = temporary / f"{PREFIX}left"
    with scratch_folder() as used:
        left.mkdir()
        (left / "profile.json").touch()
        (temporary / "runner-others").mkdir()
        probe("onnxruntime", libraries, asked=asked(tmp_path, tiny_models.onnx(), "ours"))
        assert sorted(temporary.iterdir()) == sorted([Path(used), temporary / "runner-others"])
