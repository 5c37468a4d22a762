"""Forms of an int8 graph in ONNX that ONNX Runtime has faster kernels for: the same answers."""

import numpy as np
import onnx
import pytest
from made_graph import MadeGraph
from onnx_and_tflite import kinds, litert_outputs, onnx_outputs, written
from onnx_operators import SAME, VALID, ints, some

from export.onnx.depthwise_channels import filled_up
from quantize.passes.layer import quantized_images
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import new_session
from quantize.schemes import int8


def images(shape, count=8):
    return np.random.default_rng(5).uniform(-1, 1, (count, *shape[1:])).astype(np.float32)


def float_graph(shape, build):
    made = MadeGraph()
    return made.graph(*build(made, made.input("image", shape)))


def quantized(shape, build, kept_float=()):
    graph = float_graph(shape, build)
    statistics = calibrate(graph, (image[None] for image in images(shape)), threads=1)
    return int8.quantize(graph, choose_ranges(graph, statistics), kept_float)


def assert_same_answers(graph, model):
    for image in quantized_images(graph, images(graph.tensor("image").shape, 4)):
        fed = {"image": image[None]}
        for one, other in zip(litert_outputs(graph, fed), onnx_outputs(model, fed), strict=True):
            assert np.ptp(one.astype(np.int32)) > 20
            assert np.abs(one.astype(np.int32) - other).max() <= 1


def optimized(model, folder):
    """The kinds of node that ONNX Runtime makes of ``model``."""
    session = new_session("onnxruntime", threads=1)
    session.options.optimized_model_filepath = str(folder / "optimized.onnx")
    session.load(model.SerializeToString())
    return kinds(onnx.load(folder / "optimized.onnx"))


# --- a gate ---------------------------------------------------------------------------------------


def gate(size, channels=8):
    def build(made, x):
        shape, row = (1, *size, channels), (1, 1, 1, channels)
        y = made.apply("CONV_2D", [x, some(channels, 1, 1, 4), some(channels)], shape)
        mean = made.apply("MEAN", [y, ints(1, 2)], row, keepDims=True)
        weights = some(channels, 1, 1, channels)
        factor = made.apply("CONV_2D", [mean, weights, some(channels)], row)
        return [made.apply("MUL", [y, factor], shape)]

    return build


def test_a_gate_is_as_long_as_a_line_of_the_image(tmp_path):
    graph = quantized((1, 16, 20, 4), gate((16, 20)))
    model = written(graph)
    assert kinds(model).count("Expand") == 1
    assert_same_answers(graph, model)
    assert "QLinearMul" in optimized(model, tmp_path)


def test_a_gate_of_a_small_image_or_of_floats_is_left_as_it_is():
    assert "Expand" not in kinds(written(quantized((1, 15, 17, 4), gate((15, 17)))))
    assert "Expand" not in kinds(written(float_graph((1, 16, 20, 4), gate((16, 20)))))


# --- the columns of an image ----------------------------------------------------------------------


def first_layer(size, channels, window, step, made_size, padding=SAME, around=None, units=8):
    """A convolution of an image, its zeros around it by ``around``, and one that reads it."""

    def build(made, x):
        if around is not None:
            wide = [n + sum(ends) for n, ends in zip(size, around, strict=True)]
            amounts = ints([0, 0], *map(list, around), [0, 0])
            x = made.apply("PAD", [x, amounts], (1, *wide, channels))
        x = made.apply(
            "CONV_2D",
            [x, some(units, *window, channels), some(units, seed=2)],
            (1, *made_size, units),
            strideH=step,
            strideW=step,
            padding=padding,
            fusedActivationFunction=1,
        )
        return [made.apply("CONV_2D", [x, some(5, 1, 1, units), some(5)], (1, *made_size, 5))]

    return (1, *size, channels), build


def windows(model):
    return [
        tuple(attribute.ints)
        for node in model.graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "kernel_shape"
    ]


GROUPED = {
    "same": (first_layer((10, 12), 3, (3, 3), 2, (5, 6)), (3, 2)),
    "same, one channel": (first_layer((10, 12), 1, (3, 3), 2, (5, 6)), (3, 2)),
    "same, two channels": (first_layer((12, 16), 2, (5, 5), 2, (6, 8)), (5, 3)),
    "zeros on both sides": (
        first_layer((10, 12), 3, (3, 3), 2, (5, 6), VALID, ((1, 1), (1, 1))), (3, 2)
    ),
    "zeros at the end": (
        first_layer((10, 12), 3, (3, 3), 2, (5, 6), VALID, ((0, 1), (0, 1))), (3, 2)
    ),
    "window of 7": (first_layer((10, 12), 3, (7, 7), 2, (5, 6)), (7, 3)),
    "windows side by side": (first_layer((8, 16), 3, (4, 4), 4, (2, 4)), (4, 1)),
}  # fmt: skip


@pytest.mark.parametrize(("case", "window"), GROUPED.values(), ids=GROUPED)
def test_columns_in_groups_give_the_same_answers(case, window, tmp_path):
    graph = quantized(*case)
    model = written(graph)
    assert windows(model)[0] == window
    assert_same_answers(graph, model)
    left = optimized(model, tmp_path)
    assert left.count("QLinearConv") == 2 and left.count("Transpose") == 0


LEFT = {
    "four channels": first_layer((10, 12), 4, (3, 3), 2, (5, 6)),
    "a width that does not fit": first_layer((10, 10), 3, (3, 3), 2, (5, 5)),
    "every place": first_layer((10, 12), 3, (3, 3), 1, (10, 12)),
    "many units": first_layer((10, 12), 3, (3, 3), 2, (5, 6), units=40),
    "no zeros": first_layer((11, 12), 3, (3, 3), 2, (5, 5), VALID),
}


@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT)
def test_columns_stay_where_groups_do_not_fit_or_cost_more(case):
    graph = quantized(*case)
    model = written(graph)
    assert windows(model)[0] == (3, 3)
    assert_same_answers(graph, model)


def test_columns_of_floats_stay():
    model = written(float_graph(*first_layer((10, 12), 3, (3, 3), 2, (5, 6))))
    assert windows(model)[0] == (3, 3)


# --- channels of depthwise convolutions -----------------------------------------------------------


def block(channels, gated=True, end=None):
    """A depthwise convolution between two others, with an h-swish and a gate. ``end``: what else
    reads what it makes."""

    def build(made, x):
        shape, row = (1, 6, 6, channels), (1, 1, 1, channels)
        weights = some(channels, 1, 1, 4), some(channels)
        y = made.apply("CONV_2D", [x, *weights], shape, names=["expand"])
        factor = made.apply("ADD", [y, np.asarray(3, "f4")], shape, fusedActivationFunction=3)
        y = made.apply("MUL", [y, factor], shape)
        y = made.apply("PAD", [y, ints([0, 0], [1, 1], [1, 1], [0, 0])], (1, 8, 8, channels))
        weights = some(1, 3, 3, channels), some(channels, seed=3)
        y = made.apply("DEPTHWISE_CONV_2D", [y, *weights], shape, padding=VALID)
        if gated:
            mean = made.apply("MEAN", [y, ints(1, 2)], row, keepDims=True)
            few = made.apply("CONV_2D", [mean, some(6, 1, 1, channels), some(6)], (1, 1, 1, 6))
            gate = made.apply("CONV_2D", [few, some(channels, 1, 1, 6), some(channels)], row)
            y = made.apply("MUL", [y, gate], shape)
        z = made.apply("CONV_2D", [y, some(3, 1, 1, channels), some(3)], (1, 6, 6, 3))
        row = made.apply("MEAN", [y, ints(1, 2)], (1, channels))
        scores = made.apply("FULLY_CONNECTED", [row, some(5, channels), some(5)], (1, 5))
        return [z, scores, *(end(made, y, shape) if end else ())]

    return build


IMAGE = (1, 6, 6, 4)


def depthwise_channels(graph):
    return [
        int(graph.tensor(inputs[1]).shape[-1])
        for kind, inputs, _ in graph.operators()
        if kind == "DEPTHWISE_CONV_2D"
    ]


@pytest.mark.parametrize(("channels", "filled"), [(72, 80), (100, 112), (88, 96)])
def test_filled_up_channels_change_no_answer(channels, filled):
    graph = quantized(IMAGE, block(channels))
    made = filled_up(graph)
    assert depthwise_channels(made) == [filled]
    for image in quantized_images(graph, images(IMAGE)):
        fed = {"image": image[None]}
        for one, other in zip(litert_outputs(graph, fed), litert_outputs(made, fed), strict=True):
            np.testing.assert_array_equal(one, other)
    model = written(graph)
    assert any(list(tensor.dims) == [filled, 1, 3, 3] for tensor in model.graph.initializer)
    assert_same_answers(graph, model)


def test_a_layer_that_stays_float_has_its_channels_filled_up_too():
    graph = quantized(IMAGE, block(72, gated=False), ["expand"])
    kernels = [inputs[1] for kind, inputs, outputs in graph.operators() if kind == "CONV_2D"]
    assert graph.dtype(kernels[0]) == np.float32
    assert depthwise_channels(filled_up(graph)) == [80]
    assert_same_answers(graph, written(graph))


def output(made, y, shape):
    return [made.apply("RELU", [y], shape)]


def joined(made, y, shape):
    both = made.apply("CONCATENATION", [y, y], (*shape[:3], 2 * shape[3]), axis=3)
    return [made.apply("MEAN", [both, ints(1, 2)], (1, 2 * shape[3]))]


def of_each(made, y, shape):
    y = made.apply("MUL", [y, some(shape[3])], shape)
    return [made.apply("CONV_2D", [y, some(3, 1, 1, shape[3]), some(3)], (*shape[:3], 3))]


@pytest.mark.parametrize(
    ("channels", "end"), [(64, None), (24, None), (72, output), (72, joined), (72, of_each)]
)
def test_channels_stay_where_they_fit_are_few_or_end_otherwise(channels, end):
    graph = quantized(IMAGE, block(channels, end=end))
    assert filled_up(graph) is graph
    assert_same_answers(graph, written(graph))


def test_channels_of_floats_stay():
    graph = float_graph(IMAGE, block(72))
    assert filled_up(graph) is graph
