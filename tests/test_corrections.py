"""Passes that take back what rounding breaks: each better than before, none changing the float."""

import itertools

import numpy as np
import pytest

from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import cut
from quantize.passes import bias_correction, equalization, error_feedback
from quantize.passes.layer import MADE_UP
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8


def sqnr_db(graph, other, images):
    wanted, found = outputs(graph, images, 2), outputs(other, images, 2)
    return compare(wanted, found, "probabilities").sqnr_db


def means(statistics):
    return {name: found.mean for name, found in statistics.items() if found.mean is not None}


@pytest.fixture(scope="module")
def plain(v1_graph, v1_statistics):
    return int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))


@pytest.fixture(scope="module")
def coarse(v1_graph, v1_statistics):
    """Int8 with the weights rounded to 31 steps, so that there is something to take back."""
    plain = int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))
    editor = GraphEditor(plain)
    for operator in editor.operators:
        if editor.kind(operator) in LINEAR:
            weights = editor.read(operator, 1).astype(np.float32)
            editor.write(operator, 1, np.clip(np.rint(weights / 8) * 8, -127, 127).astype(np.int8))
    return editor.graph()


def test_bias_correction_takes_back_the_shift_of_coarse_weights(
    v1_graph, v1_statistics, coarse, calibration_images, evaluation_images
):
    fixed = bias_correction.correct(
        v1_graph, coarse, means(v1_statistics), calibration_images, threads=2
    )
    before, after = (sqnr_db(v1_graph, g, evaluation_images) for g in (coarse, fixed))
    assert after > before + 3


def test_bias_correction_changes_biases_alone(v1_graph, v1_statistics, plain, calibration_images):
    fixed = bias_correction.correct(
        v1_graph, plain, means(v1_statistics), calibration_images, threads=1
    )
    changed = 0
    before = {o[0]: i for kind, i, o in plain.operators() if kind in LINEAR}
    for kind, inputs, made in fixed.operators():
        if kind in LINEAR:
            weights, bias = before[made[0]][1:]
            np.testing.assert_array_equal(fixed.constant(inputs[1]), plain.constant(weights))
            changed += (fixed.constant(inputs[2]) != plain.constant(bias)).any()
    assert changed > 20


def test_of_what_comes_in_shifted_a_share_is_made_up_for(v1_graph, calibration_images):
    """A layer with exact weights, whose input is off by one: nothing but that is to be mended."""
    step = np.float32(1 / 64)
    editor = GraphEditor(cut(GraphEditor(v1_graph), 2, 3))
    layer = editor.operators[0]
    weights = np.clip(np.rint(editor.read(layer, 1) / step), -127, 127)
    weights[:, 0, 0, 0] = 127  # every channel has that step
    editor.write(layer, 1, weights * step)
    graph = editor.graph()
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    rng = np.random.default_rng(5)
    fed = np.float32(rng.uniform(0, 5, (8, *shape)))
    statistics = calibrate(graph, (one[None] for one in fed), threads=1)
    int8_graph = int8.quantize(graph, choose_ranges(graph, statistics))
    wanted = {n: found.mean - 1 for n, found in statistics.items() if found.mean is not None}
    made = bias_correction.correct(graph, int8_graph, wanted, fed, threads=1)
    (_, (_, _, bias), _) = next(op for op in made.operators() if op[0] == "CONV_2D")
    moved = (made.constant(bias) - int8_graph.constant(bias)) * made.quantization(bias).scale
    shift = -(weights * step).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(moved, MADE_UP * shift, atol=0.02 * np.abs(shift).max())


def test_correcting_twice_is_correcting_once(v1_graph, v1_statistics, coarse, calibration_images):
    arguments = (means(v1_statistics), calibration_images, 1)
    once = bias_correction.correct(v1_graph, coarse, *arguments)
    twice = bias_correction.correct(v1_graph, once, *arguments)
    for (kind, first, _), (_, second, _) in zip(once.operators(), twice.operators(), strict=True):
        if kind in LINEAR:
            np.testing.assert_array_equal(once.constant(first[2]), twice.constant(second[2]))


def test_after_bias_correction_every_layer_has_the_mean_of_the_float_network(
    v1_graph, v1_statistics, coarse, calibration_images
):
    """The output of the last layer, which no ReLU6 bends."""
    name = next(i[0] for kind, i, _ in v1_graph.operators() if kind == "SOFTMAX")
    fixed = bias_correction.correct(
        v1_graph, coarse, means(v1_statistics), calibration_images, threads=2
    )
    wanted = v1_statistics[name].rows.mean(axis=0)
    errors = []
    for graph in (coarse, fixed):
        rows = logits(graph, calibration_images)
        errors.append(np.abs(rows.mean(axis=0) - wanted).max())
    step = fixed.quantization(name).scale[0]
    assert errors[1] < step and errors[1] < errors[0] / 3


def logits(graph, images):
    from quantize.graph.graph_editor import GraphEditor
    from quantize.graph.segment import cut

    editor = GraphEditor(graph)
    return outputs(cut(editor, 0, len(editor.operators) - 1), images, 2)


def test_error_feedback_beats_rounding_to_the_nearest(
    v1_graph, v1_statistics, plain, calibration_images, evaluation_images, monkeypatch
):
    """On the grid of the coarse weights, where it matters."""
    from quantize.graph.graph_editor import GraphEditor

    coarser = GraphEditor(plain)
    for operator in coarser.operators:
        if coarser.kind(operator) in LINEAR:
            weights = coarser.tensor(int(operator.inputs[1]))
            factor = 8.0
            weights.quantization.scale = np.asarray(weights.quantization.scale) * factor
            bias = coarser.tensor(int(operator.inputs[2]))
            bias.quantization.scale = np.asarray(bias.quantization.scale) * factor
            integers = coarser.read(operator, 1).astype(np.float32)
            coarser.write(operator, 1, np.rint(integers / factor).astype(np.int8))
            biases = coarser.read(operator, 2).astype(np.float64)
            coarser.write(operator, 2, np.rint(biases / factor).astype(np.int32))
    graph = coarser.graph()
    arguments = (means(v1_statistics), calibration_images, 2)
    nearest = bias_correction.correct(v1_graph, graph, *arguments)
    refined = error_feedback.refine(v1_graph, graph, *arguments)
    before, after = (sqnr_db(v1_graph, g, evaluation_images) for g in (nearest, refined))
    assert after > before + 1


def test_equalization_leaves_the_float_network_on_its_images_and_fills_depthwise_inputs(
    v1_graph, v1_statistics, calibration_images
):
    equal = equalization.equalize(v1_graph, v1_statistics)
    wanted, found = (outputs(g, calibration_images, 2) for g in (v1_graph, equal))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    after = calibrate(equal, (i[None] for i in calibration_images), threads=2)
    fuller = 0
    for kind, inputs, _ in equal.operators():
        if kind == "DEPTHWISE_CONV_2D":
            before_reach, reach = (s[inputs[0]].channel_maxima for s in (v1_statistics, after))
            assert (reach >= before_reach * 0.999).all()
            assert reach.max() <= 6
            fuller += (reach > 1.05 * before_reach).any()
    assert fuller > 5


def test_equalization_leaves_alone_what_gains_nothing_in_the_outputs(v1_graph, v1_statistics):
    """Only one depthwise layer reads channels that any output hangs on."""
    read = [inputs[0] for kind, inputs, _ in v1_graph.operators() if kind == "DEPTHWISE_CONV_2D"]
    known = {name: np.zeros(len(v1_statistics[name].channel_maxima)) for name in read}
    known[read[1]] += 1
    equal = equalization.equalize(v1_graph, v1_statistics, importance=known)
    pairs = zip(v1_graph.operators(), equal.operators(), strict=True)
    changed = [
        old[2][0]
        for old, new in pairs
        if old[0] in LINEAR and (v1_graph.constant(old[1][1]) != equal.constant(new[1][1])).any()
    ]
    after = [o[0] for _, inputs, o in v1_graph.operators() if inputs[0] == read[1]]
    assert changed == [read[1], *after]


def test_equalization_for_one_scale_a_tensor_evens_out_weights(
    v1_graph, v1_statistics, evaluation_images
):
    equal = equalization.equalize(v1_graph, v1_statistics, per_channel=False)
    wanted, found = (outputs(g, evaluation_images, 2) for g in (v1_graph, equal))
    assert compare(wanted, found, "probabilities").sqnr_db > 30

    def imbalance(graph):
        """The distance between the weight ranges before and after each channel, on average."""
        layers = [(k, graph.constant(i[1])) for k, i, _ in graph.operators() if k in LINEAR]
        logs = []
        for (kind, first), (_, second) in itertools.pairwise(layers):
            if kind == "CONV_2D" and second.shape[0] == 1 and first.shape[0] == second.shape[-1]:
                ahead = np.abs(first).reshape(len(first), -1).max(axis=1)
                following = np.abs(second).reshape(-1, second.shape[-1]).max(axis=0)
                alive = (ahead > 1e-3) & (following > 1e-3)
                logs.append(np.abs(np.log(ahead[alive] / following[alive])).mean())
        return np.mean(logs)

    assert imbalance(equal) < imbalance(v1_graph)


def test_absorbed_biases_leave_the_float_network_on_its_images(
    v1_graph, v1_statistics, calibration_images
):
    made = equalization.absorb_high_biases(v1_graph, v1_statistics)
    wanted, found = (outputs(g, calibration_images, 2) for g in (v1_graph, made))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    biases = [
        (v1_graph.constant(i[2]), made.constant(j[2]))
        for (k, i, _), (_, j, _) in zip(v1_graph.operators(), made.operators(), strict=True)
        if k in LINEAR
    ]
    assert any((a != b).any() for a, b in biases)
