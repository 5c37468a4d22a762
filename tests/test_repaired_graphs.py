"""Leftovers of converters in a float graph that kernels compute wrongly or refuse."""

import numpy as np
import pytest
from made_graph import MadeGraph

from quantize.graph.network_graph import repaired
from quantize.runtime.model_session import open_session

IMAGE = (1, 4, 4, 3)


def run(graph, image, runtime="litert"):
    session = open_session(runtime, graph.content)
    session.feed(image)
    session.run()
    return session.output()


def roots(*before):
    """x / sqrt(sum of x squared), in the last step with a constant of each of ``before``."""
    made = MadeGraph()
    x = made.input("image", IMAGE)
    square = made.apply("SQUARE", [x], IMAGE)
    axis = np.asarray([3], np.int32)
    total = made.apply("SUM", [square, axis], (1, 4, 4, 1), keepDims=True)
    for kind, number in before:
        total = made.apply(kind, [total, np.float32([number])], (1, 4, 4, 1))
    root = made.apply("RSQRT", [total], (1, 4, 4, 1))
    return made.graph(made.apply("MUL", [x, root], IMAGE))


@pytest.mark.parametrize("runtime", ["litert", "litert-builtin"])
def test_the_norm_of_a_vector_of_zeros_is_no_nan(runtime):
    image = np.random.default_rng(1).uniform(0, 1, IMAGE).astype(np.float32)
    image[0, 1, 2] = 0
    found = run(repaired(roots()), image, runtime)
    expected = image / np.maximum(np.linalg.norm(image, axis=3, keepdims=True), 1e-15)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("before", [("ADD", 1e-3), ("MAXIMUM", 1e-12)])
def test_a_root_of_what_is_positive_stays(before):
    graph = roots(before)
    assert repaired(graph) is graph
    assert "MAXIMUM" in repaired(roots(("ADD", -1.0))).op_histogram


@pytest.mark.parametrize("runtime", ["litert", "litert-builtin"])
def test_a_bias_of_one_number_is_one_for_each_channel(runtime):
    made, draw = MadeGraph(), np.random.default_rng(2)
    x = made.input("image", IMAGE)
    kernel = draw.normal(size=(5, 2, 2, 3)).astype(np.float32)
    size = np.asarray([1, 8, 8, 5], np.int32)
    plain = made.apply("TRANSPOSE_CONV", [size, kernel, x, np.float32([0, 0, 0, 0, 0])],
                       (1, 8, 8, 5), strideH=2, strideW=2)  # fmt: skip
    other = made.apply("TRANSPOSE_CONV", [size, kernel, x, np.float32([3])],
                       (1, 8, 8, 5), strideH=2, strideW=2)  # fmt: skip
    graph = repaired(made.graph(made.apply("SUB", [other, plain], (1, 8, 8, 5))))
    image = draw.normal(size=IMAGE).astype(np.float32)
    np.testing.assert_allclose(run(graph, image, runtime), np.full((1, 8, 8, 5), 3.0), atol=1e-5)


def test_what_is_made_of_constants_alone_is_a_constant():
    made, draw = MadeGraph(), np.random.default_rng(3)
    x = made.input("image", IMAGE)
    kernel = made.apply("RESHAPE", [draw.normal(size=(2, 3)).astype(np.float32),
                                    np.asarray([2, 1, 1, 3], np.int32)], (2, 1, 1, 3))  # fmt: skip
    graph = made.graph(made.apply("CONV_2D", [x, kernel, np.zeros(2, np.float32)], (1, 4, 4, 2)))
    found = repaired(graph)
    assert found.op_histogram == {"CONV_2D": 1}
    image = draw.normal(size=IMAGE).astype(np.float32)
    np.testing.assert_allclose(run(found, image), run(graph, image), atol=1e-5)
