"""ONNX forms of whole networks: what is in them, float16, equal bytes, and what tf2onnx writes."""

import hashlib
import subprocess
import sys
from collections import Counter

import float_graphs
import numpy as np
import pytest
from commands import ROOT
from made_graph import MadeGraph
from onnx import TensorProto, numpy_helper
from onnx_and_tflite import compare, kinds, litert_outputs, numbers, onnx_outputs, written
from onnx_operators import IMAGE, channels_first, ints, some

from export.file_maker import write_onnx
from export.onnx import half_weights, onnx_model
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.table import FUNCTIONS
from export.onnx.tflite_operator import Unsupported
from models.networks.spec import ModelSpec
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8
from quantize.schemes.registry import Made
from quantize.schemes.scheme import FLOAT16, FLOAT32


@pytest.fixture(scope="module")
def v2_graph():
    return float_graphs.of_random_weights(ModelSpec("v2", 0.35, 32, classes=10))


def test_v2_is_its_convolutions_and_nothing_else(v2_graph):
    model = compare(v2_graph)
    found = Counter(kinds(model))
    groups = [
        next(a.i for a in node.attribute if a.name == "group")
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
    assert (groups.count(1), len(groups)) == (35, 35 + 17)
    assert found.pop("Conv") == 52
    sums = v2_graph.op_histogram["ADD"]
    assert found == {
        "Transpose": 1, "Clip": 35, "Add": sums, "GlobalAveragePool": 1, "Reshape": 1, "Gemm": 1,
        "Softmax": 1,
    }  # fmt: skip


@pytest.mark.parametrize("arch", ["v1", "v3-small"])
def test_the_image_is_all_that_moves(arch):
    found = kinds(written(float_graphs.demo(arch)))
    assert found.count("Transpose") == 1 and found[0] == "Transpose"


PROGRAM = """
import hashlib, sys
from pathlib import Path
from export.onnx import onnx_model
from quantize.graph.graph import Graph
for path in sys.argv[1:]:
    model = onnx_model.of_graph(Graph(Path(path).read_bytes())).model
    print(hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(v1_graph, v1_statistics, v3_graph, tmp_path):
    int8_graph = int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))
    for name, graph in (("a", v3_graph), ("b", int8_graph)):
        (tmp_path / name).write_bytes(graph.content)
    command = [sys.executable, "-c", PROGRAM, *(str(tmp_path / name) for name in "ab")]
    found = [
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, text=True
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] and len(found[0]) == 2


def test_a_model_of_the_same_graph_has_the_same_bytes(v3_graph):
    made = [written(v3_graph).SerializeToString(deterministic=True) for _ in range(2)]
    assert len({hashlib.sha256(content).hexdigest() for content in made}) == 1


# --- float16 --------------------------------------------------------------------------------------


def halved(graph):
    model = written(graph)
    half_weights.halve(model)
    return model


def dtypes(model):
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def test_float16_halves_weights_and_computes_nearly_the_same(v2_graph):
    whole, model = written(v2_graph), halved(v2_graph)
    assert len(model.SerializeToString()) < 0.55 * len(whole.SerializeToString())
    fed = numbers(v2_graph)
    (expected,), (found,) = onnx_outputs(whole, fed), onnx_outputs(model, fed)
    assert 0 < np.abs(found - expected).max() < 0.02


def test_float16_leaves_sizes_and_small_constants_as_they_are():
    """A Resize, a mean of four channels, and limits: no weights."""
    made = MadeGraph()
    x = made.apply("SUB", [channels_first(made), made.constant(some(4), "mean")], IMAGE)
    x = made.apply("RESIZE_BILINEAR", [x, ints(17, 11)], (1, 17, 11, 4), halfPixelCenters=True)
    x = made.apply("RELU6", [x], (1, 17, 11, 4))
    graph = made.graph(x)
    model = halved(graph)
    found = dtypes(model)
    assert found["mean"] == TensorProto.FLOAT
    halves = [name for name, dtype in found.items() if dtype == TensorProto.FLOAT16]
    assert len(halves) == 2  # kernel and bias of the convolution
    compare(graph, model, tolerance=2e-3)


def test_weights_that_float16_cannot_hold_stay_float32():
    made = MadeGraph()
    kernel = some(4, 1, 1, 4)
    kernel[0, 0, 0, 0] = 1e5
    x = made.apply(
        "CONV_2D", [made.input("image", IMAGE), made.constant(kernel, "k"), some(4)], IMAGE
    )
    model = halved(made.graph(x))
    assert dtypes(model)["k"] == TensorProto.FLOAT
    assert np.abs(numpy_helper.to_array(model.graph.initializer[0])).max() == np.float32(1e5)


# --- operators that are not known here ------------------------------------------------------------


def unknown():
    made = MadeGraph()
    x = channels_first(made)
    return made.graph(made.apply("ATAN2", [x, x], IMAGE), x)


@pytest.mark.slow
def test_a_graph_with_an_unknown_operator_goes_through_tf2onnx():
    form = onnx_model.of_graph(unknown())
    assert form.unsupported == "ATAN2"
    fed = numbers(unknown())
    for one, other in zip(
        litert_outputs(unknown(), fed), onnx_outputs(form.model, fed), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_a_file_that_tf2onnx_wrote_is_noted(tmp_path):
    for scheme in (FLOAT32, FLOAT16):
        path = tmp_path / f"{scheme.name}.onnx"
        (note,) = write_onnx(unknown(), scheme, Made(unknown()), path)
        assert note.startswith(f"{path.name}: written by tf2onnx, which has ATAN2")
        assert path.is_file()


def test_an_unknown_setting_is_named():
    made = MadeGraph()
    image = made.input("image", IMAGE)
    chosen = made.apply(
        "ARG_MAX", [image, ints(3).reshape(())], (1, 6, 5), dtypes=("int32",), outputType=2
    )
    graph = made.graph(made.apply("GATHER", [image, chosen], (1, 6, 5, 4), axis=1, batchDims=1))
    with pytest.raises(Unsupported, match="GATHER with batch dimensions"):
        GraphWriter(graph).model(FUNCTIONS)
