"""Channel splitting: copies in the place of dead channels, the same float network, less error."""

import numpy as np
import pytest

from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import cut
from quantize.passes import bias_correction, channel_splitting
from quantize.passes.layer import layers
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.schemes import int8

DEAD = [0, 1, 2]


def with_dead_channels(graph: Graph) -> Graph:
    """``graph`` whose first convolution never opens DEAD, and one channel that counts far more."""
    editor = GraphEditor(graph)
    conv, depthwise, reader = editor.operators[:3]
    weights, bias = editor.read(conv, 1).copy(), editor.read(conv, 2).copy()
    weights[DEAD], bias[DEAD] = 0, -1
    editor.write(conv, 1, weights)
    editor.write(conv, 2, bias)
    loud = editor.read(depthwise, 1).copy()
    loud[..., 3] = 0
    loud[:, 1, 1, 3] = 5  # a kernel that int8 holds exactly: what is left is its input's rounding
    editor.write(depthwise, 1, loud)
    read = editor.read(reader, 1).copy()
    read[..., 3] *= 30
    editor.write(reader, 1, read)
    return editor.graph()


@pytest.fixture(scope="module")
def dead(v1_graph):
    return with_dead_channels(v1_graph)


@pytest.fixture(scope="module")
def statistics(dead, calibration_images):
    return calibrate(dead, (image[None] for image in calibration_images), threads=2)


@pytest.fixture(scope="module")
def split(dead, statistics):
    return channel_splitting.split(dead, statistics)


def first_layers(graph):
    editor = GraphEditor(graph)
    return [editor.read(operator, 1) for operator in editor.operators[:3]]


def test_the_float_network_stays_the_same_on_other_images(dead, split, evaluation_images):
    wanted, found = (outputs(g, evaluation_images, 2) for g in (dead, split))
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert dead.op_histogram == split.op_histogram


def test_dead_channels_become_copies_of_the_channel_that_costs_most(dead, split):
    (conv, depthwise, reader), before = first_layers(split), first_layers(dead)
    copies = [i for i in DEAD if np.array_equal(conv[i], conv[3])]
    assert copies
    for i in copies:
        np.testing.assert_array_equal(depthwise[..., i], depthwise[..., 3])
    shares = reader[..., [3, *copies]]
    np.testing.assert_allclose(shares.sum(-1), before[2][..., 3], rtol=1e-5, atol=1e-9)
    step = np.abs(reader).reshape(len(reader), -1).max(axis=1)[:, None, None, None] / 127
    assert np.ptp(shares, axis=-1).max() < 1.1 * step.max()
    rounded = np.rint(shares / step).sum(axis=-1)  # the error of one rounding, not one for each
    assert np.abs(rounded - before[2][..., 3] / step[..., 0]).max() < 0.6
    assert all(conv[i].any() for i in DEAD)


def test_a_channel_that_other_images_may_open_is_not_taken(dead, statistics):
    editor = GraphEditor(dead)
    conv = editor.operators[0]
    weights, bias = editor.read(conv, 1).copy(), editor.read(conv, 2).copy()
    weights[DEAD] = 0.05  # 27 of them: reaches 1.35 for a white image, less for each seen here
    bias[DEAD] = -1.3
    editor.write(conv, 1, weights)
    editor.write(conv, 2, bias)
    asleep = editor.graph()
    np.testing.assert_array_equal(
        first_layers(channel_splitting.split(asleep, statistics))[0][DEAD], weights[DEAD]
    )


def quantized(graph, images):
    found = calibrate(graph, (image[None] for image in images), threads=2)
    plain = int8.quantize(graph, choose_ranges(graph, found))
    means = {name: a.mean for name, a in found.items() if a.mean is not None}
    return bias_correction.correct(graph, plain, means, images, threads=2)


def sqnr_db_of_first_block(graph, int8_graph, images):
    """Of what the third layer, the reader, computes."""
    wanted, found = (outputs(cut(GraphEditor(g), 0, 3), images, 2) for g in (graph, int8_graph))
    return compare(wanted, found, "logits").sqnr_db


def test_copies_round_at_different_places_and_int8_comes_closer(
    dead, split, calibration_images, evaluation_images
):
    before, after = (
        sqnr_db_of_first_block(g, quantized(g, calibration_images), evaluation_images)
        for g in (dead, split)
    )
    assert after > before + 2


def test_what_costs_the_outputs_is_copied_where_that_is_known(dead, statistics):
    """The loud channel is worth nothing if no output hangs on it; where all do, a trifle of one
    layer is left alone."""
    names = [o[0] for kind, _, o in dead.operators() if kind in LINEAR]
    known = {name: np.ones(len(statistics[name].channel_maxima)) for name in names}
    known[names[0]] = np.zeros(len(known[names[0]]))
    known[names[1]] = known[names[0]].copy()
    known[names[0]][5] = known[names[1]][5] = 1e6
    conv, *_ = first_layers(channel_splitting.split(dead, statistics, known))
    assert all(np.array_equal(conv[i], conv[5]) for i in DEAD)
    known[names[-1]] *= 1e12
    left = channel_splitting.split(dead, statistics, known)
    for found, before in zip(first_layers(left), first_layers(dead), strict=True):
        np.testing.assert_array_equal(found, before)


def test_copies_are_staggered_about_the_place_of_the_one(split, calibration_images):
    editor = GraphEditor(quantized(split, calibration_images))
    first, second = list(layers(split, editor))[:2]
    for layer in (first, second):
        added = layer.stagger()
        step = editor.affine(int(layer.operator.outputs[0]))[0]
        alike = np.flatnonzero(added)
        assert 3 in alike and len(alike) <= 2 * len(DEAD)
        assert abs(added.sum()) < 1e-6
        assert np.abs(added).max() < step / 2


def test_a_network_without_dead_channels_stays_as_it_is(v1_graph, v1_statistics):
    made = channel_splitting.split(v1_graph, v1_statistics)
    for (kind, old, _), (_, new, _) in zip(v1_graph.operators(), made.operators(), strict=True):
        if kind in LINEAR and old[0] == "image":
            np.testing.assert_array_equal(made.constant(new[1]), v1_graph.constant(old[1]))
