"""Products and quotients in int8 that the usual recipe gets wrong."""

import numpy as np
import pytest
from made_graph import MadeGraph

from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.ranges.value_range import Range
from quantize.schemes import int8, int8_dynamic, int16x8

IMAGE = (1, 6, 6, 8)


def constant_first(made, x):
    """A matrix times what is computed, as a resize or a graph convolution is one."""
    rows = made.apply("RESHAPE", [x, np.asarray([1, 36, 8], np.int32)], (1, 36, 8))
    matrix = np.random.default_rng(1).normal(size=(1, 5, 36)).astype(np.float32)
    return made.apply("BATCH_MATMUL", [matrix, rows], (1, 5, 8))


def int16x8_of(graph):
    ranges = {name: Range(-5.0, 5.0) for name in graph.activations}
    return int16x8.quantize(graph, ranges)


def normalized(made, x):
    """Layer normalization as Keras's becomes it, of channels that are alike: x and its mean nearly
    cancel out."""
    shape, axis = (1, 6, 6, 1), np.asarray([3], np.int32)
    x = made.apply("ADD", [x, np.full(1, 6, np.float32)], IMAGE)
    mean = made.apply("MEAN", [x, axis], shape, keepDims=True)
    square = made.apply("SQUARED_DIFFERENCE", [x, mean], IMAGE)
    variance = made.apply("MEAN", [square, axis], shape, keepDims=True)
    positive = made.apply("ADD", [variance, np.float32([1e-3])], shape)
    root = made.apply("RSQRT", [positive], shape)
    scaled = made.apply("MUL", [root, np.linspace(0.5, 1.5, 8, dtype=np.float32)], IMAGE)
    product = made.apply("MUL", [x, scaled], IMAGE)
    taken = made.apply("MUL", [mean, scaled], IMAGE)
    offset = made.apply("SUB", [np.linspace(-1, 1, 8, dtype=np.float32), taken], IMAGE)
    return made.apply("ADD", [product, offset], IMAGE)


def divided(made, x):
    """x / sqrt(x squared + 1e-3): near 0 the divisor has no step of its own."""
    square = made.apply("SQUARE", [x], IMAGE)
    positive = made.apply("ADD", [square, np.float32([1e-3])], IMAGE)
    return made.apply("DIV", [x, made.apply("SQRT", [positive], IMAGE)], IMAGE)


@pytest.mark.parametrize("quantize", [int8_dynamic.quantize, int16x8_of])
def test_a_matrix_times_what_is_computed_stays_float_in_other_schemes(quantize):
    made = MadeGraph()
    graph = made.graph(constant_first(made, made.input("image", IMAGE)))
    found = quantize(graph)
    (matrix,) = (inputs[0] for kind, inputs, _ in found.operators() if kind == "BATCH_MATMUL")
    assert found.constant(matrix).dtype == np.float32
    found.interpreter(threads=1)


@pytest.mark.parametrize("build", [constant_first, normalized, divided])
def test_int8_gives_what_float_does(build):
    made = MadeGraph()
    graph = made.graph(build(made, made.input("image", IMAGE)))
    draw = np.random.default_rng(2)
    strength = draw.uniform(0.02, 1, (32, 6, 6, 1))
    images = (draw.normal(size=(32, *IMAGE[1:])) * strength).astype(np.float32)
    ranges = choose_ranges(graph, calibrate(graph, (i[None] for i in images), 1), "min-max")
    found = outputs(int8.quantize(graph, ranges), images, 1)
    assert compare(outputs(graph, images, 1), found, "values").sqnr_db > 20
