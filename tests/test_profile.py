"""Per-operator profiles and delegation, by the real runtimes."""

import numpy as np
import pytest

from bench.devices.host import Host
from bench.measurement.job import Job
from bench.measurement.result import Delegate, OpTime
from bench.on_device.operator_alignment import aligned
from bench.run import profile
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph
from quantize.passes import hard_swish
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import float16, int8

SIDE = 32
# Output channels and kernel size of a chain of convolutions; the second has 50 million products.
CHAIN = {"first": (8, 1), "huge": (256, 5), "last": (1, 1)}


def run(path, runtime, threads=2, runs=5):
    file_format = path.suffix[1:]
    return Host().run(Job(path, file_format, runtime, threads, profile_runs=runs))


def profiled(tmp_path, graph, runtime="litert", threads=2):
    """The profile of ``graph``, and how it was delegated."""
    path = tmp_path / "file.tflite"
    path.write_bytes(graph.content)
    result = run(path, runtime, threads)
    assert result.error is None, result.error
    assert sum(op.mean_ns for op in result.profile) > 0
    return result


def operators(graph):
    """Name and kind of each operator, without those that only widen constants."""
    return [
        (outputs[0], kind)
        for kind, inputs, outputs in graph.operators()
        if any(graph.constant(name) is None for name in inputs) and kind != "DEQUANTIZE"
    ]


def quantized(graph, images):
    statistics = calibrate(graph, (image[None] for image in images[:8]), threads=1)
    return int8.quantize(graph, choose_ranges(graph, statistics))


def convolutions_tflite():
    """Bytes of a .tflite file of CHAIN."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    model.version, model.buffers, graph.tensors, graph.operators = 3, [schema.BufferT()], [], []
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes, code.version = [code], 1

    def tensor(name, shape, data=None):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, list(shape), 0, 0
        if data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    graph.inputs, channels = [tensor("image", (1, SIDE, SIDE, 3))], 3
    last = graph.inputs[0]
    for name, (filters, size) in CHAIN.items():
        shape = (filters, size, size, channels)
        kernel = tensor(f"{name} kernel", shape, np.full(shape, 0.01, np.float32))
        bias = tensor(f"{name} bias", (filters,), np.zeros(filters, np.float32))
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = 0, [last, kernel, bias]
        last, channels = tensor(name, (1, SIDE, SIDE, filters)), filters
        operator.outputs = [last]
        operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
        operator.builtinOptions = schema.Conv2DOptionsT()
        operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
        graph.operators.append(operator)
    graph.outputs, model.subgraphs = [last], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def convolutions_onnx():
    """Bytes of an .onnx file of CHAIN."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last, channels = [], [], "image", 3
    for name, (filters, size) in CHAIN.items():
        kernel = np.full((filters, channels, size, size), 0.01, np.float32)
        constants.append(numpy_helper.from_array(kernel, f"{name} kernel"))
        made = helper.make_node(
            "Conv", [last, f"{name} kernel"], [name], name, pads=[size // 2] * 4
        )
        nodes.append(made)
        last, channels = name, filters
    shapes = {"image": [1, 3, SIDE, SIDE], "last": [1, 1, SIDE, SIDE]}
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], constants)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


@pytest.mark.parametrize("name", ["v1_graph", "v3_graph"])
def test_every_operator_inside_the_delegate_is_there_in_order(tmp_path, request, name):
    graph = request.getfixturevalue(name)
    result = profiled(tmp_path, graph)
    assert [(op.name, op.kind) for op in result.profile] == operators(graph)
    assert all(op.delegated is True for op in result.profile)
    assert result.delegate == Delegate(len(result.profile), 1, {})


def test_float16_weights_are_no_operators(tmp_path, v1_graph):
    result = profiled(tmp_path, float16.quantize(v1_graph))
    assert [op.kind for op in result.profile] == [kind for _, kind in operators(v1_graph)]


def test_without_the_delegate_every_operator_is_there_and_not_delegated(tmp_path, v1_graph):
    result = profiled(tmp_path, v1_graph, "litert-builtin", threads=1)
    assert [(op.name, op.kind) for op in result.profile] == operators(v1_graph)
    assert all(op.delegated is False for op in result.profile)
    assert result.delegate == Delegate(0, 0, v1_graph.op_histogram)


def test_an_int8_h_swish_is_named_as_not_delegated(tmp_path, v3_graph, calibration_images):
    graph = quantized(v3_graph, calibration_images)
    result = profiled(tmp_path, graph)
    outside = {"HARD_SWISH", "SOFTMAX"}
    assert [(op.name, op.kind) for op in result.profile] == operators(graph)
    assert all(op.delegated is (op.kind not in outside) for op in result.profile)
    assert set(profile.not_delegated(result.profile)) == outside
    found = partitions(graph)
    inside = len(graph.subgraph.operators) - sum(found.outside.values())
    assert result.delegate == Delegate(inside, found.count, found.outside)
    last_line = profile.text("int8", result.profile, {}).splitlines()[-1]
    assert last_line.startswith("not delegated: ") and "HARD_SWISH" in last_line


def test_operators_that_the_delegate_fuses_are_named_together(
    tmp_path, v3_graph, calibration_images
):
    """XNNPACK looks ``x * relu6(x + 3)`` up in one table where it is int8."""
    graph = quantized(hard_swish.lower(v3_graph), calibration_images)
    result = profiled(tmp_path, graph)
    fused = [op.name for op in result.profile if op.kind == "ADD+MUL"]
    assert len(fused) == v3_graph.op_histogram["HARD_SWISH"]
    assert set(fused) <= {outputs[0] for kind, _, outputs in graph.operators() if kind == "MUL"}
    kinds = [kind for op in result.profile for kind in op.kind.split("+")]
    assert kinds == [kind for _, kind in operators(graph)]


@pytest.mark.parametrize("runtime", ["litert", "litert-builtin", "onnxruntime"])
def test_a_huge_convolution_is_the_most_expensive(tmp_path, runtime):
    onnx = runtime == "onnxruntime"
    path = tmp_path / ("chain.onnx" if onnx else "chain.tflite")
    path.write_bytes(convolutions_onnx() if onnx else convolutions_tflite())
    result = run(path, runtime, threads=1)
    assert result.error is None, result.error
    kind = "Conv" if onnx else "CONV_2D"
    convolutions = [op for op in result.profile if op.kind == kind]
    found = [next(name for name in CHAIN if name in op.name) for op in convolutions]
    assert found == list(CHAIN)
    first, second = profile.hottest(result.profile, 2)
    assert "huge" in first.op.name and first.share > second.share
    assert {op.delegated for op in result.profile} == {
        {"litert": True, "litert-builtin": False, "onnxruntime": None}[runtime]
    }
    assert (result.delegate is None) == onnx


def test_runtimes_without_a_profile_say_so(tmp_path):
    path = tmp_path / "chain.tflite"
    path.write_bytes(convolutions_tflite())
    result = run(path, "litert-builtin", threads=2)
    assert result.error.kind == "no_profile" and "1 thread, not 2" in result.error.message
    assert result.profile == () and result.delegate == Delegate(0, 0, {"CONV_2D": 3})
    pytest.importorskip("tflite_runtime", reason="needs Python 3.11 or older")
    result = run(path, "tflite-runtime")
    assert result.error.kind == "no_profile" and "tflite-runtime" in result.error.message
    assert result.profile == () and result.delegate == Delegate(3, 1, {})


def test_a_profile_of_no_runs_is_refused(tmp_path):
    path = tmp_path / "chain.tflite"
    path.write_bytes(convolutions_tflite())
    result = run(path, "litert", runs=0)
    assert result.error.kind == "bad_job" and "runs is 0" in result.error.message


def test_xnnpacks_operators_are_matched_with_those_of_the_file():
    conv, dense, add = "Convolution (NHWC, QC8) DWConv", "Fully Connected (NC) GEMM", "Add (ND)"
    table, convert = "Invalid Unary Op", "Convert (NC, F32, QD8)"
    cases = [
        (["CONV_2D", "ADD", "MUL", "ADD"], [dense, table, add], [[0], [1, 2], [3]]),
        (["PAD", "DEPTHWISE_CONV_2D"], [conv], [[1]]),
        (["FULLY_CONNECTED"], [convert, dense], [[], [0]]),
        (["MEAN", "ELU"], ["Mean (ND) Reduce2", "ELU (NC, F32)"], [[0], [1]]),
        (["ADD", "MUL", "SUB"], [table, table], [[], []]),
        ([], [table], [[]]),
        (["ADD"], [], []),
    ]
    for kinds, tags, expected in cases:
        assert aligned(kinds, tags) == expected, (kinds, tags)


MADE_UP = (
    OpTime("net/conv1_1/convolution;net/relu_1/Relu", "CONV_2D", 1_000_000.0, True),
    OpTime("net/act_1/mul;net/act_1/add", "HARD_SWISH", 2_000_000.0, False),
    OpTime("net/conv2_1/convolution", "CONV_2D", 500_000.0, True),
    OpTime("net/act_2/mul", "HARD_SWISH", 400_000.0, False),
    OpTime("probabilities", "SOFTMAX", 100_000.0, False),
)


def test_the_hottest_come_first_with_their_shares():
    found = profile.hottest(MADE_UP, 2)
    assert [(hot.rank, hot.op.kind, hot.share) for hot in found] == [
        (1, "HARD_SWISH", 0.5), (2, "CONV_2D", 0.25),
    ]  # fmt: skip
    assert len(profile.hottest(MADE_UP)) == 5
    assert profile.hottest(()) == () and profile.not_delegated(()) == {}
    assert profile.not_delegated(MADE_UP) == pytest.approx({"HARD_SWISH": 0.6, "SOFTMAX": 0.025})


def test_the_table_names_layers_and_what_was_not_delegated():
    known = {MADE_UP[0].name: "conv1"}
    lines = profile.text("int8.tflite in litert", MADE_UP, known, 3).splitlines()
    assert lines[0] == "int8.tflite in litert: 3 most expensive of 5 operators, 4.000 ms in all"
    assert lines[2].split() == ["1", "act_1/mul", "HARD_SWISH", "2.000", "50.0%", "no"]
    assert lines[3].split() == ["2", "conv1", "CONV_2D", "1.000", "25.0%", "yes"]
    assert lines[5:] == ["not delegated: HARD_SWISH 60.0%, SOFTMAX 2.5%"]
    assert profile.text("t", MADE_UP[:1], {}).splitlines()[-1] == "not delegated: nothing"
    without = profile.text("x.onnx", [OpTime("c", "Conv", 1.0, None)], {})
    assert "n/a" in without and "not delegated" not in without


def test_programs_read_the_whole_profile_in_execution_order():
    made = profile.as_dict(MADE_UP, {MADE_UP[0].name: "conv1"})
    assert [op["rank"] for op in made["operators"]] == [2, 1, 3, 4, 5]
    assert made["operators"][0] == {
        "name": MADE_UP[0].name, "layer": "conv1", "kind": "CONV_2D", "mean_ms": 1.0,
        "share": 0.25, "rank": 2, "delegated": True,
    }  # fmt: skip
    assert made["operators"][1]["layer"] is None
    assert list(made["not_delegated"]) == ["HARD_SWISH", "SOFTMAX"]


def test_layers_are_called_as_keep_float_takes_them(tmp_path, v1_graph):
    path = tmp_path / "float32.tflite"
    path.write_bytes(v1_graph.content)
    known = profile.layers(path)
    named = {known.get(output) for output, _ in operators(Graph(path.read_bytes()))}
    assert {"conv1", "conv_dw_1", "conv_pw_13"} <= named
    assert profile.layers(tmp_path / "float32.onnx") == {}
