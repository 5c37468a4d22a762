"""Passes over the float graph, on a small real network."""

import float_graphs
import numpy as np
import pytest
from made_graph import MadeGraph

from models.networks.spec import ModelSpec
from quantize.evaluate.output_comparison import compare
from quantize.graph.graph import Graph
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import MAX_SUM_STEP, choose_ranges
from quantize.ranges.value_range import Range
from quantize.schemes import float16, int8

SPEC = ModelSpec("v2", alpha=0.1, resolution=64, classes=5)


@pytest.fixture(scope="module")
def graph():
    return float_graphs.of_random_weights(SPEC)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(-1, 1, (16, 1, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def ranges(graph, images):
    return choose_ranges(graph, calibrate(graph, images, threads=1))


def run(graph, images):
    interpreter = graph.interpreter(threads=1)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for image in images:
        interpreter.set_tensor(source["index"], image.astype(source["dtype"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(target["index"])[0])
    return np.stack(found)


def test_float_graph_has_folded_norms_and_the_outputs_of_keras(graph, images):
    from models.networks import registry
    from models.weights import random_weights

    network = registry.build(SPEC)
    random_weights.fill(network)
    assert set(graph.op_histogram) <= {
        "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "SOFTMAX",
    }  # fmt: skip
    keras_outputs = network.predict_on_batch(images[:, 0])
    np.testing.assert_allclose(run(graph, images), keras_outputs, atol=1e-5)


def test_input_and_output_carry_the_names_they_are_given(graph):
    assert graph.inputs == ("image",)
    assert graph.outputs == ("probabilities",)
    runner = graph.interpreter(threads=1).get_signature_runner("serving_default")
    assert list(runner.get_input_details()) == ["image"]
    assert list(runner.get_output_details()) == ["probabilities"]


def test_constants_are_aligned_in_every_file(graph, ranges):
    from ai_edge_litert import schema_py_generated as schema

    for made in (graph, float16.quantize(graph), int8.quantize(graph, ranges)):
        model = schema.Model.GetRootAs(made.content)
        buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
        table_offset_of_data = 4
        starts = [
            b._tab.Vector(b._tab.Offset(table_offset_of_data)) for b in buffers if b.DataLength()
        ]
        assert len(starts) > 50
        assert [start for start in starts if start % 16] == []


def test_ranges_are_the_smallest_and_largest_values_of_each_activation(graph, images, ranges):
    assert set(ranges) == set(graph.activations)
    assert ranges["image"] == Range(float(images.min()), float(images.max()))
    outputs = run(graph, images)
    assert ranges["probabilities"].maximum == pytest.approx(outputs.max(), rel=1e-5)
    for name, found in ranges.items():
        if "relu" in name.lower():
            assert 0 <= found.minimum <= found.maximum <= 6


def test_int8_graph_has_integers_everywhere_with_the_scales_of_the_ranges(graph, ranges):
    quantized = int8.quantize(graph, ranges)
    assert quantized.op_histogram == graph.op_histogram
    for name in quantized.activations:
        assert quantized.dtype(name) == np.int8
    for name, chosen in ranges.items():
        if name == "probabilities":
            continue
        found = quantized.quantization(name)
        spread = max(chosen.maximum, 0) - min(chosen.minimum, 0)
        assert found.scale[0] == pytest.approx(spread / 255, rel=1e-3)
    softmax = quantized.quantization("probabilities")
    assert (softmax.scale[0], softmax.zero_point[0]) == (1 / 256, -128)


def test_kernels_have_a_scale_for_each_output_channel(graph, ranges):
    quantized = int8.quantize(graph, ranges)
    checked = 0
    for kind, inputs, _ in quantized.operators():
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            real = graph.constant(inputs[1])
            found = quantized.quantization(inputs[1])
            axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
            others = tuple(i for i in range(4) if i != axis)
            np.testing.assert_allclose(found.scale, np.abs(real).max(others) / 127, rtol=1e-5)
            checked += 1
    assert checked == 52


def test_a_dead_layer_gets_a_scale_that_still_holds_a_relu6(graph, ranges):
    dead = {name: Range(0.0, 0.0) for name in ranges}
    quantized = int8.quantize(graph, dead)
    for name in quantized.activations:
        assert 6 / quantized.quantization(name).scale[0] < 2**31


def test_float16_graph_is_half_the_size_and_answers_the_same(graph, images):
    halved = float16.quantize(graph)
    kernels = [n for n in halved._by_name if halved.dtype(n) == np.float16]
    assert len(kernels) >= 52
    assert len(halved.content) < 0.75 * len(graph.content)
    assert compare(run(graph, images), run(halved, images), "softmax").sqnr_db > 40


def test_fidelity_figures_follow_their_definitions():
    reference = np.array([[0.6, 0.4], [0.1, 0.9]], np.float32)
    outputs = np.array([[0.4, 0.6], [0.1, 0.9]], np.float32)
    found = compare(reference, outputs, "softmax")
    assert found.images == 2
    assert found.max_abs_error == pytest.approx(0.2)
    assert found.max_relative_error == pytest.approx(0.2 / 0.9)
    assert found.top1_agreement == 0.5
    assert found.sqnr_db == pytest.approx(10 * np.log10(1.34 / 0.08), rel=1e-5)
    assert found.cosine == pytest.approx(1.30 / 1.34, rel=1e-5)


def test_equal_outputs_have_no_noise_to_measure():
    reference = np.eye(3, dtype=np.float32)
    assert compare(reference, reference, "softmax").sqnr_db is None
    assert compare(reference, reference, "softmax").cosine == pytest.approx(1.0)


@pytest.mark.parametrize("outputs", [np.zeros((2, 3)), np.full((2, 2), np.nan)])
def test_outputs_of_another_shape_or_not_finite_are_not_compared(outputs):
    with pytest.raises(ValueError):
        compare(np.ones((2, 2)), outputs, "softmax")


def test_a_layer_that_says_nothing_on_the_calibration_images_does_not_stop_the_file(images):
    from models.keras_files import float_graph
    from models.networks import registry
    from models.weights import random_weights

    model = registry.build(ModelSpec("v3-small", alpha=0.35, resolution=64, classes=5))
    random_weights.fill(model)
    squeezed = model.get_layer("expanded_conv_squeeze_excite_conv")
    kernel, bias = squeezed.get_weights()
    squeezed.set_weights([kernel, bias - 100])  # its ReLU never opens
    excited = model.get_layer("expanded_conv_squeeze_excite_conv_1")
    kernel, bias = excited.get_weights()
    excited.set_weights([kernel, bias + 2])
    graph = Graph(float_graph.convert(model, 64, 64, 3)).named("image", "probabilities")
    made = int8.quantize(graph, choose_ranges(graph, calibrate(graph, images, threads=1)))
    source, target = made.quantization("image"), made.quantization("probabilities")
    fed = np.clip(np.rint(images / source.scale) + source.zero_point, -128, 127)
    found = (run(made, fed) - target.zero_point) * target.scale
    wanted = run(graph, images)
    assert np.abs(found - wanted).mean() < np.abs(wanted - wanted.mean(axis=0)).mean() / 2


@pytest.mark.parametrize("kind", ["DIV", "MUL"])
@pytest.mark.parametrize("size", [0.0, 1e-9])
def test_a_layer_that_reads_next_to_nothing_keeps_its_bias(kind, size):
    """Its bias is an int32 of steps that come from its input's; a division has no int8 form."""
    made = MadeGraph()
    x = made.input("image", (1, 4, 4, 2))
    y = made.apply("MUL", [x, np.full(1, size, np.float32)], (1, 4, 4, 2))
    if kind == "DIV":
        away = made.apply(
            "ADD", [made.apply("ABS", [x], (1, 4, 4, 2)), np.ones(1, np.float32)], (1, 4, 4, 2)
        )
        y = made.apply("DIV", [y, away], (1, 4, 4, 2))
    bias = np.asarray([0.2, -0.3, 0.1], np.float32)
    kernel = np.random.default_rng(0).normal(0, 0.5, (3, 1, 1, 2)).astype(np.float32)
    graph = made.graph(made.apply("CONV_2D", [y, kernel, bias], (1, 4, 4, 3), names=["out"]))
    seen = np.random.default_rng(1).uniform(-1, 1, (8, 1, 4, 4, 2)).astype(np.float32)
    int8_graph = int8.quantize(graph, choose_ranges(graph, calibrate(graph, seen, threads=1)))
    target = int8_graph.quantization("out")
    found = run(int8_graph, np.zeros((1, 1, 4, 4, 2)))
    found = (found - target.zero_point) * target.scale
    np.testing.assert_allclose(found, np.broadcast_to(bias, found.shape), atol=0.01)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e-6])
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_a_channel_without_weights_keeps_its_bias(kind, size, per_channel):
    """Training switches channels off, and pruning does; their bias counts all the same."""
    rng, made = np.random.default_rng(0), MadeGraph()
    shape = {"CONV_2D": (3, 1, 1, 3), "DEPTHWISE_CONV_2D": (1, 1, 1, 3)}.get(kind, (3, 48))
    kernel = rng.normal(0, 0.5, shape).astype(np.float32)
    kernel[(..., 1) if kind == "DEPTHWISE_CONV_2D" else 1] = size
    bias = np.asarray([0.5, -3, 1], np.float32)
    x, end = made.input("image", (1, 4, 4, 3)), (1, 4, 4, 3)
    if kind == "FULLY_CONNECTED":
        x, end = made.apply("RESHAPE", [x, np.asarray([1, 48], np.int32)], (1, 48)), (1, 3)
    graph = made.graph(made.apply(kind, [x, kernel, bias], end, names=["out"]))
    seen = rng.uniform(-1, 1, (8, 1, 4, 4, 3)).astype(np.float32)
    ranges = choose_ranges(graph, calibrate(graph, seen, threads=1))
    int8_graph = int8.quantize(graph, ranges, per_channel=per_channel)
    source, target = int8_graph.quantization("image"), int8_graph.quantization("out")
    fed = np.rint(seen / source.scale) + source.zero_point
    found = (run(int8_graph, fed) - target.zero_point) * target.scale
    np.testing.assert_allclose(found, run(graph, seen), atol=0.1)


def test_no_output_step_is_finer_than_kernels_can_compute(graph, ranges, images):
    """Else requantization refuses them, and the file does not load."""
    conv = next(made[0] for kind, _, made in graph.operators() if kind == "CONV_2D")
    narrow = {**ranges, conv: Range(0.0, ranges[conv].maximum / 1e7)}
    made = int8.quantize(graph, narrow)
    inputs = next(inputs for _, inputs, outputs in made.operators() if outputs == [conv])
    sums = made.quantization(inputs[0]).scale * made.quantization(inputs[1]).scale
    assert (sums / made.quantization(conv).scale < 2 * MAX_SUM_STEP).all()
    assert np.isfinite(run(made, np.zeros_like(images))).all()
