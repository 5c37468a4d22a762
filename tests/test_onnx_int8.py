"""An int8 graph in ONNX: the integers and scales of the TFLite file, and its answers."""

import numpy as np
import onnx
import pytest
from made_graph import MadeGraph
from onnx import numpy_helper
from onnx_and_tflite import kinds, litert_outputs, onnx_outputs, written
from onnx_cases import CASES
from onnx_operators import IMAGE, VALID, as_it_comes, channels_first, ints, some

from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.table import FUNCTIONS
from export.onnx.tflite_operator import Unsupported
from quantize.passes.layer import quantized_images
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.ranges.value_range import Range
from quantize.runtime.model_session import new_session
from quantize.schemes import int8, int16x8


def images(count=16):
    return np.random.default_rng(5).uniform(-1, 1, (count, *IMAGE[1:])).astype(np.float32)


def quantized(build, kept_float=(), inner=1.0):
    """The int8 graph of what ``build`` makes of an image that a convolution made. ``inner``: the
    part of each range that is kept, but for that of the image."""
    made = MadeGraph()
    graph = made.graph(*build(made, channels_first(made)))
    statistics = calibrate(graph, (image[None] for image in images()), threads=1)
    ranges = {
        name: Range(each.minimum * inner, each.maximum * inner) if name != "image" else each
        for name, each in choose_ranges(graph, statistics).items()
    }
    return int8.quantize(graph, ranges, kept_float)


def steps_apart(int8_graph, model):
    """The distance of the outputs of LiteRT and ONNX Runtime, in steps of the integers."""
    found = []
    for image in quantized_images(int8_graph, images(4)):
        fed = {"image": image[None]}
        expected, given = litert_outputs(int8_graph, fed), onnx_outputs(model, fed)
        for one, other in zip(expected, given, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            step = 1 if one.dtype != np.float32 else np.ptp(one) / 255
            found.append(np.abs(one.astype(np.float32) - other.astype(np.float32)) / step)
    return found


# Cases of which the quantizer makes integers, in one operator at least.
INTEGER = (
    "convolution same", "convolution strides", "convolution dilated", "convolution groups",
    "convolution relu6", "depthwise", "depthwise multiplier", "transposed same",
    "average pool same", "max pool same", "dense of rank 2", "dense that flattens",
    "dense of rank 3", "dense over a map, fused", "add", "add of a map", "add fused", "sub", "mul",
    "gate", "relu", "logistic", "tanh", "softmax", "softmax of one class",
    "softmaxes side by side", "softmaxes above each other", "softmax moved", "mean", "mean kept",
    "mean of channels", "sum", "reshape", "flatten", "transpose", "shuffle", "concatenation",
    "split", "slice", "strided slice", "pad", "padding taken over", "bilinear to (12, 10) centres",
    "nearest to (12, 10)", "several outputs", "outputs of the same numbers", "attention",
)  # fmt: skip


@pytest.mark.parametrize("name", INTEGER)
def test_the_answers_are_those_of_the_int8_tflite_file(name):
    int8_graph = quantized(CASES[name])
    assert any(int8_graph.dtype(output) == np.int8 for output in int8_graph.outputs)
    for apart in steps_apart(int8_graph, written(int8_graph)):
        assert apart.max() <= 2 and apart.mean() < 0.2


@pytest.mark.parametrize("name", INTEGER)
def test_what_lies_beyond_its_range_is_the_largest_integer(name):
    """Images in use go beyond what calibration has seen; a kernel that wraps round there makes
    nonsense of them."""
    int8_graph = quantized(CASES[name], inner=0.4)
    for apart in steps_apart(int8_graph, written(int8_graph)):
        assert np.median(apart) <= 2 and np.quantile(apart, 0.95) < 16


def stored(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def network(made, x):
    """A residual block with a padded stride and a gate, as in the networks here; a row of 3."""
    y = made.apply(
        "CONV_2D",
        [x, some(8, 1, 1, 4), some(8)],
        (1, 6, 5, 8),
        names=["expand"],
        fusedActivationFunction=3,
    )
    y = made.apply("PAD", [y, ints([0, 0], [0, 1], [1, 1], [0, 0])], (1, 7, 7, 8), names=["pad"])
    y = made.apply(
        "DEPTHWISE_CONV_2D",
        [y, some(1, 3, 3, 8), some(8)],
        (1, 3, 3, 8),
        names=["depthwise"],
        padding=VALID,
        strideH=2,
        strideW=2,
        fusedActivationFunction=3,
    )
    z = made.apply("CONV_2D", [y, some(8, 1, 1, 8), some(8)], (1, 3, 3, 8), names=["project"])
    y = made.apply("ADD", [y, z], (1, 3, 3, 8), names=["sum"])
    row = made.apply("MEAN", [y, ints(1, 2)], (1, 8), names=["pool"])
    row = made.apply("FULLY_CONNECTED", [row, some(3, 8), some(3)], (1, 3), names=["logits"])
    return [made.apply("SOFTMAX", [row], (1, 3), names=["probabilities"])]  # fmt: skip


def test_integers_and_scales_are_those_of_the_tflite_file():
    int8_graph = quantized(network)
    model = written(int8_graph)
    constants = stored(model)
    for kind, inputs, (output, *_) in int8_graph.operators():
        found = int8_graph.quantization(output)
        if output not in (*int8_graph.outputs, "pad"):
            assert constants[f"{output}:scale"] == found.scale[0]
            assert constants[f"{output}:zero_point"] == found.zero_point[0] + 128
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            kernel, bias = (int8_graph.quantization(name) for name in inputs[1:])
            np.testing.assert_array_equal(constants[f"{output}:kernel:scale"], kernel.scale)
            np.testing.assert_array_equal(constants[f"{output}:bias:scale"], bias.scale)
            integers = int8_graph.constant(inputs[1])
            order = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}.get(kind, (0, 1))
            np.testing.assert_array_equal(
                constants[f"{output}:kernel:int8"], integers.transpose(order)
            )
            np.testing.assert_array_equal(
                constants[f"{output}:bias:int32"], int8_graph.constant(inputs[2])
            )
    ends = [*model.graph.input, *model.graph.output]
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.INT8}


def test_every_int8_kernel_has_zero_points_of_its_own():
    """Without, ONNX Runtime 1.16 to 1.27 does not compute it in integers."""
    model = written(quantized(network))
    constants = stored(model)
    integers = {name for name in constants if name.endswith(":kernel:int8")}
    pairs = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    read = [node.input for node in pairs if node.input[0] in integers]
    assert len(read) == 5 and all(len(inputs) == 3 for inputs in read)
    assert len({inputs[2] for inputs in read}) == 5
    for _, scale, zero_point in read:
        assert constants[zero_point].shape == constants[scale].shape
        assert not constants[zero_point].any()


def test_onnx_runtime_computes_it_in_integers_throughout(tmp_path):
    session = new_session("onnxruntime", threads=1)
    session.options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    session.load(written(quantized(network)).SerializeToString())
    left = kinds(onnx.load(tmp_path / "optimized.onnx"))
    assert left.count("QLinearConv") == 4
    assert {"QLinearAdd", "QLinearGlobalAveragePool", "QGemm"} <= set(left)
    # The image's own integers become unsigned ones, and the softmax is float.
    assert left.count("DequantizeLinear") == 2 and left.count("QuantizeLinear") == 2


def test_no_clip_is_written_that_the_integers_already_are():
    assert not {"Clip", "Relu", "Pad"} & set(kinds(written(quantized(network))))


def test_a_clip_stays_where_the_integers_reach_further():
    """A range that was widened beyond 6."""
    made = MadeGraph()
    graph = made.graph(*network(made, channels_first(made)))
    statistics = calibrate(graph, (image[None] for image in images()), threads=1)
    chosen = choose_ranges(graph, statistics)
    chosen["expand"] = type(chosen["expand"])(-1.0, 9.0)
    int8_graph = int8.quantize(graph, chosen)
    model = written(int8_graph)
    assert kinds(model).count("Clip") == 1
    for apart in steps_apart(int8_graph, model):
        assert apart.max() <= 2


@pytest.mark.parametrize("kept", ["expand", "depthwise", "project", "logits", "sum", "pool"])
def test_a_layer_that_stays_float_reads_and_gives_the_same(kept):
    int8_graph = quantized(network, [kept])
    model = written(int8_graph)
    constants = stored(model)
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    floats = [node for node in layers if node.input[1] in constants]
    assert len(floats) == (kept in ("expand", "depthwise", "project", "logits"))
    for node in floats:
        made = next(n for n in model.graph.node if node.input[0] in n.output)
        assert made.op_type == "DequantizeLinear"  # of a scale for each channel, all the same
        scales = constants[made.input[1]]
        assert scales.ndim == 1 and len(scales) > 1 and np.ptp(scales) == 0
    for apart in steps_apart(int8_graph, model):
        assert apart.max() <= 1


def test_an_output_that_others_read_is_read_as_its_integers():
    def build(made, x):
        y = made.apply("CONV_2D", [x, some(4, 1, 1, 4), some(4)], IMAGE)
        return [y, made.apply("ADD", [y, x], IMAGE)]

    int8_graph = quantized(build)
    for apart in steps_apart(int8_graph, written(int8_graph)):
        assert apart.max() <= 1


def test_an_input_that_is_no_image_of_a_convolution():
    made = MadeGraph()
    x = made.apply("ADD", [as_it_comes(made), some(4)], IMAGE)
    graph = made.graph(made.apply("MEAN", [x, ints(1, 2)], (1, 4)))
    statistics = calibrate(graph, (image[None] for image in images()), threads=1)
    int8_graph = int8.quantize(graph, choose_ranges(graph, statistics))
    model = written(int8_graph)
    assert "Transpose" not in kinds(model)
    for apart in steps_apart(int8_graph, model):
        assert apart.max() <= 1


def test_activations_of_16_bits_are_left_to_tf2onnx():
    made = MadeGraph()
    graph = made.graph(*network(made, channels_first(made)))
    statistics = calibrate(graph, (image[None] for image in images()), threads=1)
    made16 = int16x8.quantize(graph, choose_ranges(graph, statistics))
    with pytest.raises(Unsupported, match="int16 activations"):
        GraphWriter(made16).model(FUNCTIONS)
