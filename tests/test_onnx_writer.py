"""Every operator that is written in ONNX computes what LiteRT computes, in every order of axes."""

import numpy as np
import pytest
from made_graph import MadeGraph
from onnx_and_tflite import compare, kinds, litert_outputs, numbers, onnx_outputs, written
from onnx_cases import CASES
from onnx_operators import (
    IMAGE,
    SAME,
    VALID,
    as_it_comes,
    channels_first,
    ints,
    padded_twice,
    shuffle,
    some,
)

from export.onnx.operators.table import FUNCTIONS


@pytest.mark.parametrize("image", [as_it_comes, channels_first])
@pytest.mark.parametrize("build", CASES.values(), ids=CASES)
def test_it_computes_what_litert_computes(build, image):
    made = MadeGraph()
    x = image(made)
    if image is as_it_comes:  # an output that is the input itself is another matter
        x = made.apply("ADD", [x, some(4)], IMAGE)
    compare(made.graph(*build(made, x)))


def test_every_kind_in_the_table_is_among_the_cases():
    tried = set()
    for build in CASES.values():
        made = MadeGraph()
        tried |= set(made.graph(*build(made, channels_first(made))).op_histogram)
    quantized = {"QUANTIZE", "DEQUANTIZE"}  # of int8 graphs, which have tests of their own
    assert set(FUNCTIONS) - quantized - tried == set()


# --- as few Transposes as there can be ------------------------------------------------------------


def moved(build, image=channels_first):
    """The number of Transposes after the first, which takes the image to channels first."""
    made = MadeGraph()
    return kinds(written(made.graph(*build(made, image(made))))).count("Transpose") - 1


@pytest.mark.parametrize(
    "name",
    ["mean", "max", "sum of places", "mean of channels", "concatenation of rows"],
)
def test_what_ends_in_a_row_or_two_axes_moves_nothing(name):
    assert moved(CASES[name]) == (1 if name == "concatenation of rows" else 0)


def followed(build, shape=IMAGE):
    """The map that ``build`` makes, and a pooling and a convolution that end in a row."""

    def whole(made, x):
        (y,) = build(made, x)
        row = made.apply("MEAN", [y, ints(1, 2)], (1, shape[3]))
        return [made.apply("FULLY_CONNECTED", [row, some(3, shape[3]), some(3)], (1, 3))]

    return whole


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gate", IMAGE),
        ("softmax", IMAGE),
        ("add of a map", IMAGE),
        ("prelu", IMAGE),
        ("l2 normalization", IMAGE),
        ("concatenation", (1, 6, 5, 12)),
        ("concatenation of rows", (1, 12, 5, 4)),
        ("pad of channels", (1, 6, 5, 7)),
        ("symmetric", (1, 9, 6, 4)),
        ("strided slice", (1, 3, 2, 4)),
        ("reverse of channels", IMAGE),
        ("gather of channels", (1, 6, 5, 3)),
        ("dense over a map", (1, 6, 5, 3)),
        ("cumsum", IMAGE),
        ("nearest to (12, 10)", (1, 12, 10, 4)),
        ("bilinear to (3, 7) centres", (1, 3, 7, 4)),
        ("depth to space", (1, 12, 10, 1)),
    ],
)
def test_inside_the_network_nothing_moves(name, shape):
    assert moved(followed(CASES[name], shape)) == 0


def test_a_shuffle_of_channels_is_one_transpose():
    assert moved(followed(shuffle, (1, 6, 5, 3))) == 1


def test_a_flatten_moves_once_and_a_map_of_one_pixel_not_at_all():
    assert moved(CASES["dense that flattens"]) == 1
    assert moved(CASES["dense of rank 2"]) == 1

    def pixel(made, x):
        y = made.apply(
            "AVERAGE_POOL_2D", [x], (1, 1, 1, 4), padding=VALID, filterHeight=6, filterWidth=5
        )
        return [made.apply("FULLY_CONNECTED", [y, some(3, 4), some(3)], (1, 3))]

    assert moved(pixel) == 0


def test_an_image_of_one_channel_is_reshaped():
    made = MadeGraph()
    image = made.input("image", (1, 8, 8, 1))
    y = made.apply("CONV_2D", [image, some(2, 3, 3, 1), some(2)], (1, 8, 8, 2))
    row = made.apply("MEAN", [y, ints(1, 2)], (1, 2))
    model = compare(made.graph(row))
    assert "Transpose" not in kinds(model)


def test_zeros_around_an_image_become_those_of_the_convolution():
    made = MadeGraph()
    first, second = padded_twice(made, channels_first(made))
    assert "Pad" not in kinds(written(made.graph(first)))
    made = MadeGraph()
    first, second = padded_twice(made, channels_first(made))
    assert kinds(written(made.graph(first, second))).count("Pad") == 1


# --- names, inputs, outputs -----------------------------------------------------------------------


def test_values_have_the_names_of_the_tensors():
    made = MadeGraph()
    image = made.input("image", IMAGE)
    kernel, bias = (
        made.constant(some(2, 1, 1, 4), "stem/kernel"),
        made.constant(some(2), "stem/bias"),
    )
    y = made.apply(
        "CONV_2D",
        [image, kernel, bias],
        (1, 6, 5, 2),
        names=["stem/Relu6;stem"],
        fusedActivationFunction=3,
    )
    row = made.apply("MEAN", [y, ints(1, 2)], (1, 2), names=["pool"])
    out = made.apply("SOFTMAX", [row], (1, 2), names=["probabilities"])
    model = compare(made.graph(out))
    names = [(node.op_type, node.output[0]) for node in model.graph.node]
    assert names == [
        ("Transpose", "image:nchw"),
        ("Conv", "stem/Relu6;stem:conv"),
        ("Clip", "stem/Relu6;stem"),
        ("GlobalAveragePool", "pool:globalaveragepool"),
        ("Reshape", "pool"),
        ("Softmax", "probabilities"),
    ]
    assert all(node.name == node.output[0] for node in model.graph.node)
    assert {"stem/kernel", "stem/bias"} < {tensor.name for tensor in model.graph.initializer}
    assert [opset.version for opset in model.opset_import] == [13] and model.ir_version == 7


def test_several_inputs_of_any_rank():
    made = MadeGraph()
    image, row = made.input("image", IMAGE), made.input("row", (1, 7))
    y = made.apply("CONV_2D", [image, some(4, 3, 3, 4), some(4)], IMAGE)
    more = made.apply("FULLY_CONNECTED", [row, some(4, 7), some(4)], (1, 4))
    together = made.apply("MUL", [y, more], IMAGE)
    compare(made.graph(together, more))


def test_an_output_that_is_an_input_or_a_constant():
    made = MadeGraph()
    image = made.input("image", IMAGE)
    turned = made.apply("TRANSPOSE", [image, ints(0, 3, 1, 2)], (1, 4, 6, 5))
    filled = made.apply("SHAPE", [image], (4,), dtypes=("int32",), outType=2)
    compare(made.graph(turned, filled, image))


def test_the_same_weights_are_stored_once():
    made = MadeGraph()
    x, kernel, bias = channels_first(made), made.constant(some(4, 1, 1, 4)), made.constant(some(4))
    for _ in range(3):
        x = made.apply("CONV_2D", [x, kernel, bias], IMAGE)
    model = compare(made.graph(x))
    assert (
        sum(len(tensor.dims) == 4 and tensor.dims[0] == 4 for tensor in model.graph.initializer)
        == 2
    )


def test_a_bias_that_is_stored_as_one_number_is_that_of_every_channel():
    made = MadeGraph()
    image, kernel = made.input("image", IMAGE), some(3, 2, 2, 4)
    one = made.apply("CONV_2D", [image, kernel, np.full(3, 0.5, "f4")], (1, 6, 5, 3), padding=SAME)
    expected = made.graph(one)
    made = MadeGraph()
    image = made.input("image", IMAGE)
    one = made.apply("CONV_2D", [image, kernel, np.full(1, 0.5, "f4")], (1, 6, 5, 3), padding=SAME)
    fed = numbers(expected)
    (found,), (given,) = onnx_outputs(written(made.graph(one)), fed), litert_outputs(expected, fed)
    np.testing.assert_allclose(found, given, atol=1e-6)


def test_what_no_output_depends_on_is_left_out():
    made = MadeGraph()
    x = channels_first(made)
    made.apply("EXP", [x], IMAGE)
    assert "Exp" not in kinds(compare(made.graph(x)))


def test_nearest_resizes_that_rounding_decides_pick_what_litert_picks():
    for old in range(2, 40, 3):
        for new in (5, 13, 27, 40):
            made = MadeGraph()
            image = made.input("image", (1, old, 2, 1))
            shape = (1, new, 2, 1)
            found = [
                made.apply("RESIZE_NEAREST_NEIGHBOR", [image, ints(new, 2)], shape, **fields)
                for fields in ({}, {"alignCorners": True}, {"halfPixelCenters": True})
            ]
            graph = made.graph(*found)
            compare(graph, fed={"image": numbers(graph)["image"]}, tolerance=0)
