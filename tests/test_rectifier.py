"""An int8 rectifier that stands alone becomes a change of scale with the same integers."""

import numpy as np
import pytest

from quantize.graph.graph import Graph
from quantize.passes import rectifier
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.ranges.value_range import Range
from quantize.schemes import quantizer

SIDE = 8


@pytest.fixture(scope="module")
def two_readers():
    """Float graph of a sum that a rectifier reads, and a shortcut beside it."""
    import keras
    from keras import layers

    from models.keras_files import float_graph

    keras.utils.set_random_seed(4)
    image = keras.Input((SIDE, SIDE, 3))
    total = layers.Add()([layers.Conv2D(4, 3, padding="same")(image), layers.Conv2D(4, 1)(image)])
    x = layers.Conv2D(4, 3, padding="same")(layers.ReLU()(total))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, total]))
    content = float_graph.convert(keras.Model(image, x), SIDE, SIDE, 3)
    return Graph(content).named("image", "logits")


def images(graph, count=16):
    return np.random.default_rng(5).normal(0, 3, (count, *graph.tensor("image").shape))


def with_rectifier(graph, change=lambda chosen: chosen):
    """The int8 form as Google's quantizer writes it, the rectifier still there."""
    from litert_quantizer import recipe

    stream = (image.astype(np.float32) for image in images(graph))
    chosen = change(choose_ranges(graph, calibrate(graph, stream, threads=1)))
    return quantizer.by_recipe(graph, chosen, recipe.static_wi8_ai8(), 256)


def rectified(graph):
    """Name of what the rectifier makes."""
    return next(outputs[0] for kind, _, outputs in graph.operators() if kind == "RELU")


def values(graph, name, integers):
    """Integers of a tensor by TensorFlow's reference kernels, whose rounding is the definition."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=graph.content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    index = {d["name"]: d["index"] for d in interpreter.get_tensor_details()}
    made = []
    for image in integers:
        interpreter.set_tensor(index["image"], image)
        interpreter.invoke()
        made.append(interpreter.get_tensor(index[name]))
    return np.concatenate(made)


def test_the_same_integers_come_out(two_readers):
    graph = with_rectifier(two_readers)
    lowered = rectifier.lower(graph)
    name = rectified(graph)
    assert "RELU" not in lowered.op_histogram and lowered.op_histogram["QUANTIZE"] == 1
    integers = np.random.default_rng(6).integers(-128, 128, (20, 1, SIDE, SIDE, 3), np.int8)
    wanted, found = (values(g, name, integers) for g in (graph, lowered))
    assert wanted.min() == -128 and wanted.max() > 0, "integers all alike would prove nothing"
    np.testing.assert_array_equal(found, wanted)


def test_a_rectifier_that_cuts_off_what_its_range_holds_stays(two_readers):
    below_zero = {rectified(two_readers): Range(-1.0, 7.0)}
    wide = with_rectifier(two_readers, lambda chosen: chosen | below_zero)
    assert "RELU" in rectifier.lower(wide).op_histogram


def test_a_float_rectifier_stays(two_readers):
    assert "RELU" in rectifier.lower(two_readers).op_histogram


def test_a_graph_without_rectifiers_of_their_own_is_left_as_it_is(two_readers):
    lowered = rectifier.lower(with_rectifier(two_readers))
    assert rectifier.lower(lowered) is lowered
