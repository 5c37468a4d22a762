"""Sessions of every runtime: the same file, fed and run, gives the same outputs."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import tiny_models
from onnx import TensorProto, helper

from quantize.runtime import model_session, vnni
from quantize.runtime.affine_map import real, stored
from quantize.runtime.model_session import open_session
from quantize.runtime.names import IN_PYTHON, PACKAGE_OF, PACKAGES

ROWS = [(form, runtime) for form, known in IN_PYTHON.items() for runtime in known]


@pytest.mark.parametrize(("form", "runtime"), ROWS)
@pytest.mark.parametrize("given_as", ["path", "bytes"])
def test_every_runtime_opens_a_path_and_bytes(tmp_path, form, runtime, given_as):
    if runtime == "tflite-runtime":
        pytest.importorskip("tflite_runtime", reason="needs Python 3.11 or older")
    # TensorFlow, which an earlier test may have loaded, breaks tflite-runtime.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        process.submit(check, tmp_path, form, runtime, given_as).result()


def check(folder, form, runtime, given_as):
    """The session that opens the tiny model computes what its weights say."""
    content = tiny_models.onnx() if form == "onnx" else tiny_models.tflite()
    path = folder / f"float32.{form}"
    path.write_bytes(content)
    session = open_session(runtime, path if given_as == "path" else content)
    (image,), (scores,) = session.inputs, session.outputs
    assert image.shape == (1, tiny_models.SIDE, tiny_models.SIDE, 3)
    assert (image.dtype, image.quantization) == (np.dtype(np.float32), None)
    values = np.random.default_rng(1).uniform(-1, 1, image.shape).astype(np.float32)
    session.feed(values)
    session.run()
    expected = values.reshape(1, -1) @ tiny_models.weights().T
    np.testing.assert_allclose(session.output(), expected, atol=1e-4)
    assert scores.name and session.version


def test_an_open_batch_is_one_and_strings_have_no_type():
    ends = [
        helper.make_tensor_value_info("in", TensorProto.STRING, ("n", 2, "w", 3)),
        helper.make_tensor_value_info("out", TensorProto.STRING, ("n", 2, "w", 3)),
    ]
    node = helper.make_node("Identity", ["in"], ["out"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (given,) = open_session("onnxruntime", model.SerializeToString()).inputs
    assert given.shape == (1, 2, 0, 3) and given.dtype is None


def test_a_runtime_of_another_name_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match="'litert-gpu'; expected one of litert, litert-builtin"):
        open_session("litert-gpu", b"")


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni vaes\n", False),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni\n", False),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512vl\nvmx flags\t: avx_vnni\n", True),
        ("processor\t: 0\nFeatures\t: asimd asimddp\n", True),
        (None, True),
    ],
)
def test_onnx_runtime_is_asked_for_exact_products_where_vnni_lacks(
    tmp_path, monkeypatch, text, lacks
):
    if text:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(model_session, "lacks_vnni", lambda: vnni.lacks_vnni(tmp_path / "cpuinfo"))
    options = model_session.new_session("onnxruntime", threads=1).options
    if lacks:
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry("session.x64quantprecision")


def test_every_runtime_has_its_package():
    assert set(PACKAGE_OF) == {runtime for _, runtime in ROWS}
    assert PACKAGES == ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy")


def test_real_values_are_rounded_half_to_even_and_clipped():
    values = np.array([-9.0, -0.25, 0.25, 0.75, 9.0], np.float32)
    assert stored(values, np.dtype(np.int8), 0.5, 3).tolist() == [-15, 3, 3, 5, 21]
    assert stored(values, np.dtype(np.int8), 0.01, 0).tolist() == [-128, -25, 25, 75, 127]
    assert real(np.array([-128, 3, 5], np.int8), 0.5, 3).tolist() == [-65.5, 0.0, 1.0]
