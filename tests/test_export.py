"""The main job: six files and a manifest, verified, and made once only."""

import hashlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import onnx
import pytest
from commands import ROOT, SMALL, environment, files_in, outcomes, start
from in_process import call
from onnx import numpy_helper

from export.artifact import Manifest
from export.loading import Trials
from models.command_line import child_python
from quantize.graph.graph import Graph

SIX = {
    f"{scheme}.{form}" for scheme in ("float32", "float16", "int8") for form in ("tflite", "onnx")
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def exported(work):
    done = call("export", *SMALL, "--out", "out", cwd=work)
    assert done.returncode == 0, done.stderr
    return work / "out" / "v2-0.1-64-random"


@pytest.fixture(scope="module")
def manifest(exported):
    return Manifest.read(exported)


def test_exactly_six_files_and_a_manifest_are_left(exported):
    assert {f.name for f in exported.iterdir()} == SIX | {"manifest.json"}
    assert [f.name for f in exported.parent.iterdir()] == [exported.name]


def test_manifest_describes_each_file(exported, manifest):
    assert {a.name for a in manifest.artifacts} == SIX
    for artifact in manifest.artifacts:
        content = (exported / artifact.name).read_bytes()
        assert artifact.sha256 == hashlib.sha256(content).hexdigest()
        assert artifact.bytes == len(content)
        assert artifact.fidelity.images == 64
        assert artifact.inputs[0].name == "image"
        assert artifact.inputs[0].shape == (1, 64, 64, 3)
        assert artifact.outputs[0].name == "probabilities"
        assert artifact.outputs[0].shape == (1, 10)
        assert outcomes(artifact.loads_in) == {"ok"}
        expected = "int8" if artifact.scheme == "int8" else "float32"
        assert artifact.inputs[0].dtype == artifact.outputs[0].dtype == expected
        assert (artifact.inputs[0].scale is not None) == (expected == "int8")
        assert sum(artifact.ops.values()) > 50


def test_manifest_says_once_what_it_was_made_from(manifest):
    assert manifest.model["arch"] == "v2"
    assert manifest.model["weights"] == "random"
    assert manifest.calibration["images"] == 128
    assert len(manifest.calibration["content_sha256"]) == 64
    assert "Pillow" in manifest.evaluation["decoder"]
    assert manifest.versions["tensorflow"].startswith("2.")
    assert manifest.output_kind == "softmax"
    assert "--arch v2" in manifest.command


def test_int8_onnx_carries_the_scales_and_integers_of_int8_tflite(exported):
    graph = Graph((exported / "int8.tflite").read_bytes())
    model = onnx.load(exported / "int8.onnx")
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    pairs = [node for node in model.graph.node if "Linear" in node.op_type]
    unsigned = {"int8": 0, "uint8": 128}  # inside, the same levels are counted from 0
    maps = set()
    constant = {p.output[0]: constants[p.input[0]] for p in pairs if p.input[0] in constants}
    for pair in pairs:
        if pair.output[0] not in constant:
            zero_point = constants[pair.input[2]]
            offset = unsigned[str(zero_point.dtype)]
            maps.add((float(constants[pair.input[1]]), int(zero_point) - offset))
    wanted = [graph.quantization(name) for name in graph.activations]
    assert maps == {(float(q.scale[0]), int(q.zero_point[0])) for q in wanted}
    kernels = {_without_zeros(values) for values in constant.values()}
    stored = {
        name
        for _, inputs, _ in graph.operators()
        for name in inputs[1:]
        if graph.constant(name) is not None and graph.quantization(name)
    }
    assert kernels == {_without_zeros(graph.constant(n)) for n in stored}


def _without_zeros(values: np.ndarray) -> bytes:
    """The numbers of a constant, sorted. Zeros fill kernels up to numbers of channels that are
    fast; with the first convolution it is whole copies that stand beside each other."""
    found, times = np.unique(values[values != 0], return_counts=True)
    return np.repeat(found, times // max(1, np.gcd.reduce(times, initial=0))).tobytes()


def test_every_kernel_has_a_zero_point_for_each_of_its_scales(exported):
    """Without them ONNX Runtime refuses some of these files (seen with the demo of v2)."""
    model = onnx.load(exported / "int8.onnx")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kernels = [
        [constants[name] for name in node.input]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        and constants.get(node.input[0], np.zeros(1)).dtype == np.int8
    ]
    assert {integers.ndim for integers, *_ in kernels} == {2, 4}
    for _, scales, zero_points in kernels:
        assert scales.size > 1 and zero_points.tolist() == [0] * scales.size


def test_int8_onnx_has_int8_at_its_ends_and_uint8_inside(exported):
    """ONNX Runtime fuses uint8 activations; int8 ones it converts, and loses fusions."""
    model = onnx.load(exported / "int8.onnx")
    ends = (*model.graph.input, *model.graph.output)
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.INT8}
    made = {i.name: i.data_type for i in model.graph.initializer}
    inside = [
        made[node.input[2]]
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.output[0] not in {o.name for o in ends}
    ]
    assert len(inside) > 50 and set(inside) == {onnx.TensorProto.UINT8}


def test_no_clip_is_left_where_the_integer_range_says_the_same(exported):
    ops = onnx.load(exported / "int8.onnx").graph.node
    assert not [node.op_type for node in ops if node.op_type in ("Clip", "Relu")]


def test_int8_files_of_both_formats_agree(manifest):
    figures = {a.name: a.fidelity for a in manifest.artifacts}
    assert figures["int8.onnx"].sqnr_db == pytest.approx(figures["int8.tflite"].sqnr_db, abs=1.5)


def test_a_second_export_does_nothing_and_needs_no_tensorflow(work, exported):
    before = {f.name: f.stat().st_mtime_ns for f in exported.iterdir()}
    code = (
        "import sys; from export.__main__ import main; code = main(sys.argv[1:]); "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *SMALL, "--out", "out"],
        cwd=work, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stdout
    assert done.stdout.splitlines()[-1] == "False False"
    assert {f.name: f.stat().st_mtime_ns for f in exported.iterdir()} == before


@pytest.mark.slow
def test_a_damaged_file_is_made_again(work, exported):
    (exported / "int8.onnx").write_bytes(b"damaged")
    done = call("export", *SMALL, "--out", "out", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    sums = {a["name"]: a["sha256"] for a in made["artifacts"]}
    content = (exported / "int8.onnx").read_bytes()
    assert sums["int8.onnx"] == hashlib.sha256(content).hexdigest()


@pytest.mark.slow
def test_other_calibration_images_make_other_files(work, exported):
    before = Manifest.read(exported)
    done = call("export", *SMALL, "--out", "out", "--n-calib", "16", cwd=work)
    assert done.returncode == 0, done.stderr
    after = Manifest.read(exported)
    assert after.key != before.key
    assert after.calibration["images"] == 16


@pytest.mark.slow
def test_logits_leave_the_softmax_out_of_every_file(work):
    done = call("export", *SMALL, "--logits", "1", "--out", "out", cwd=work)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.read(work / "out" / "v2-0.1-64-random-logits")
    assert manifest.output_kind == "logits"
    for artifact in manifest.artifacts:
        assert "SOFTMAX" not in artifact.ops and "Softmax" not in artifact.ops
        assert artifact.outputs[0].name == "logits"


@pytest.mark.slow
def test_what_a_killed_export_left_goes_with_the_next_one(tmp_path):
    child = start("export", *SMALL, "--out", "out", cwd=tmp_path)
    for line in child.stderr:
        if "calibrating" in line:
            child.kill()
            break
    child.stderr.read()  # ends when the last process that can write there has ended
    child.wait()
    (left,) = (tmp_path / "out").iterdir()
    assert left.name.endswith(".partial")
    os.utime(left, (0, 0))
    done = call("export", *SMALL, "--out", "out", "--files", "float32.tflite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "out") == ["v2-0.1-64-random"]


@pytest.mark.parametrize("moment", ["loading the network", "calibrating", "verifying"])
@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path, moment):
    child = start("export", *SMALL, "--out", "out", cwd=tmp_path)
    for line in child.stderr:
        if moment in line:
            child.send_signal(signal.SIGINT)
            break
    rest = child.stderr.read()
    # Python itself ends by the signal where it interrupted an eval: both are 130 to a shell.
    assert child.wait(300) in (130, -signal.SIGINT)
    assert rest.splitlines()[-1] == "interrupted: nothing was written"
    assert files_in(tmp_path) == []


def test_a_runtime_that_dies_costs_only_its_own_files(exported, tmp_path, monkeypatch):
    root = tmp_path / "root"  # our packages, and a runtime of that name ahead of the real one
    fake = root / "tflite_runtime"
    fake.mkdir(parents=True)
    for package in ("models", "quantize", "export"):
        (root / package).symlink_to(ROOT / package)
    (fake / "__init__.py").touch()
    (fake / "interpreter.py").write_text(
        "import os\n"
        "from ai_edge_litert.interpreter import Interpreter as Real\n"
        "class Interpreter(Real):\n"
        "    def __init__(self, model_path, num_threads, **more):\n"
        "        if 'float16' in model_path: os.abort()\n"
        "        super().__init__(model_path=model_path, num_threads=num_threads, **more)\n"
    )
    monkeypatch.setattr(child_python, "ROOT", root)
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((2, 64, 64, 3), np.float32))
    files = [exported / f"{scheme}.tflite" for scheme in ("float32", "float16", "int8")]
    found = Trials("tflite-runtime", files, images, threads=1).results()
    assert found["float32.tflite"].status == "ok"
    assert found["int8.tflite"].status == "ok"
    assert found["float16.tflite"].status == "the process ended with code -6"


STRICT = "[verification]\nmax_float32_error = 0\nrounding_factor = 0\n"


@pytest.mark.slow
def test_a_file_that_is_wrong_costs_only_itself_and_the_exit_code_is_1(tmp_path):
    (tmp_path / "export.toml").write_text(STRICT)
    files = "float32.tflite,float16.tflite,int8.tflite"
    done = call("export", *SMALL, "--files", files, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: float32.tflite was not written: it differs from Keras by")
    assert "float16" not in last
    folder = tmp_path / "artifacts" / "v2-0.1-64-random"
    assert {f.name for f in folder.iterdir()} == {"float16.tflite", "int8.tflite", "manifest.json"}
    manifest = Manifest.read(folder)
    assert [a.name for a in manifest.artifacts] == ["float16.tflite", "int8.tflite"]
    (failure,) = manifest.failed
    assert failure.name == "float32.tflite" and "differs from Keras" in failure.reason
    shown = done.stdout.splitlines()
    assert any(line.split() == ["float32.tflite", "not", "written"] for line in shown)
    assert any(line.startswith("float32.tflite was not written: it differs") for line in shown)
    assert call("export", *SMALL, "--files", "int8.tflite", cwd=tmp_path).returncode == 0
    again = call("export", *SMALL, "--files", files, cwd=tmp_path)
    assert again.returncode == 1 and "float32.tflite was not written" in again.stderr
    assert Manifest.read(folder) == manifest


@pytest.mark.slow
def test_where_no_file_is_right_nothing_is_written(tmp_path):
    (tmp_path / "export.toml").write_text(STRICT)
    done = call("export", *SMALL, "--files", "float32.tflite", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: float32.tflite was not written")
    assert files_in(tmp_path) == ["export.toml"]
