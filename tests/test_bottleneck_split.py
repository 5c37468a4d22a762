"""Bottlenecks in channel groups: the same float network, and no expanded tensor is ever whole."""

import json

import float_graphs
import numpy as np
import pytest
from commands import outcomes
from in_process import call

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.networks import registry
from models.networks.spec import ModelSpec
from models.source import resolve
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.layer_names import layer_names
from quantize.methods import search
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.passes import bottleneck_split, partial_sums
from quantize.passes.bottleneck import bottlenecks
from quantize.passes.bottleneck_split import group_slices

RESOLUTION = 64


def fresh_graph(arch, alpha):
    return float_graphs.of_random_weights(ModelSpec(arch, alpha, RESOLUTION, classes=7))


def random_graph(arch, alpha):
    editor = GraphEditor(fresh_graph(arch, alpha))
    rng = np.random.default_rng(7)
    for operator in editor.operators:  # fresh norms leave every bias 0
        if editor.kind(operator) in LINEAR:
            editor.write(operator, 2, rng.normal(0, 0.5, editor.read(operator, 2).shape))
    return editor.graph()


@pytest.fixture(scope="module")
def v2():
    return random_graph("v2", 0.35)


@pytest.fixture(scope="module")
def v3_small():
    return random_graph("v3-small", 0.5)


@pytest.fixture(scope="module")
def v3_large():
    return random_graph("v3-large", 0.35)


@pytest.fixture(scope="module")
def images():
    shape = (4, RESOLUTION, RESOLUTION, 3)
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


def test_tensors_have_names_of_their_own_also_where_layers_share_a_constant():
    graph = fresh_graph("v2", 0.35)
    read = [
        i for _, inputs, _ in graph.operators() for i in inputs if graph.constant(i) is not None
    ]
    assert len(set(read)) < len(read)  # the biases that are all 0
    names = [t.name for t in bottleneck_split.split(graph, 3).graph.subgraph.tensors]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("groups", [2, 3, 5, 6])
@pytest.mark.parametrize("network", ["v2", "v3_small"])
def test_float_outputs_stay_the_same(request, network, images, groups):
    graph = request.getfixturevalue(network)
    made = bottleneck_split.split(graph, groups).graph
    wanted, found = (outputs(g, images, 2) for g in (graph, made))
    assert np.ptp(wanted, axis=0).max() > 1e-4  # answers differ from image to image
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_each_group_is_expanded_filtered_and_projected_by_itself(v2):
    made = bottleneck_split.split(v2, 3)
    before, after = v2.op_histogram, made.graph.op_histogram
    assert len(made.split) == 16 and made.whole == ("expanded_conv_depthwise",)
    assert after["DEPTHWISE_CONV_2D"] == before["DEPTHWISE_CONV_2D"] + 2 * 16
    assert after["CONV_2D"] == before["CONV_2D"] + 2 * 2 * 16
    assert after["ADD"] == before["ADD"] + 2 * 16


def test_no_expanded_tensor_is_left_whole(v2):
    def widest(graph):
        return max(int(graph.tensor(n).shape[-1]) for n in filtered(graph))

    def filtered(graph):
        return [i[0] for kind, i, _ in graph.operators() if kind == "DEPTHWISE_CONV_2D"]

    assert widest(bottleneck_split.split(v2, 2).graph) * 2 == widest(v2)


def test_a_group_is_summed_before_the_next_begins(v2):
    """Alive between two groups are the block's input and one sum."""
    made = bottleneck_split.split(v2, 3).graph
    order = [kind for kind, _, o in made.operators() if "block_1_" in o[0] or "block_1." in o[0]]
    group = ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert order[:11] == [*group, *group, "ADD", *group, "ADD"]


def test_the_bias_of_the_projection_is_added_once(v2):
    editor = GraphEditor(bottleneck_split.split(v2, 3).graph)
    by_output = {editor.name(int(o.outputs[0])): o for o in editor.of_kind("CONV_2D")}
    layers = layer_names(editor.graph())
    biases = [editor.read(by_output[layers[f"block_1_project.group{k}"]], 2) for k in (1, 2, 3)]
    assert biases[0].any() and not biases[1].any() and not biases[2].any()


def test_layers_of_a_group_are_named_after_the_layer_and_others_keep_theirs(v2):
    before, after = (layer_names(g) for g in (v2, bottleneck_split.split(v2, 2).graph))
    for part in ("expand", "depthwise", "project"):
        assert {f"block_3_{part}.group1", f"block_3_{part}.group2"} <= set(after)
    assert set(before) - set(after) == {
        f"block_{i}_{part}" for i in range(1, 17) for part in ("expand", "depthwise", "project")
    }


def test_blocks_with_squeeze_and_excite_stay_whole(v3_small):
    made = bottleneck_split.split(v3_small, 2)
    kept = [kind for kind, _, _ in made.graph.operators() if kind == "MEAN"]
    assert made.split == ("expanded_conv_1_depthwise", "expanded_conv_2_depthwise")
    assert len(made.whole) == 9
    assert len(kept) == v3_small.op_histogram["MEAN"]


def test_h_swish_between_is_split_with_its_group(v3_large, images):
    graph = v3_large
    made = bottleneck_split.split(graph, 2)
    assert made.graph.op_histogram["HARD_SWISH"] > graph.op_histogram["HARD_SWISH"]
    wanted, found = (outputs(g, images, 2) for g in (graph, made.graph))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_lowered_h_swish_between_is_split_as_well(v3_large, images):
    from quantize.passes.hard_swish import lower

    graph = lower(v3_large)
    number, made = len(bottlenecks(GraphEditor(graph))), bottleneck_split.split(graph, 2).graph
    assert number == len(bottleneck_split.split(v3_large, 2).split)
    wanted, found = (outputs(g, images, 2) for g in (graph, made))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_bottleneck_whose_expanded_tensor_is_read_elsewhere_stays_whole(v2):
    editor = GraphEditor(v2)
    first = bottlenecks(editor)[0]
    editor.subgraph.outputs = np.asarray(
        [*editor.subgraph.outputs, first.expand.outputs[0]], np.int32
    )
    assert len(bottlenecks(editor)) == 15


def test_a_projection_that_an_activation_bends_stays_whole(v2):
    editor = GraphEditor(v2)
    first = bottlenecks(editor)[0]
    first.project.builtinOptions.fusedActivationFunction = (
        first.expand.builtinOptions.fusedActivationFunction
    )
    assert len(bottlenecks(editor)) == 15


def test_groups_are_multiples_of_eight_channels_where_there_are_enough():
    def sizes(channels, groups):
        return [s.stop - s.start for s in group_slices(channels, groups)]

    assert sizes(48, 2) == [24, 24]
    assert sizes(96, 5) == [24, 24, 16, 16, 16]
    assert sizes(100, 3) == [32, 32, 36]
    assert sizes(20, 3) == [7, 7, 6]
    for channels, groups in ((48, 6), (100, 3), (20, 3)):
        assert sum(sizes(channels, groups)) == channels


def test_one_group_is_the_graph_as_it_was(v1_graph):
    made = bottleneck_split.split(v1_graph, 1)
    assert made.graph is v1_graph and made.described() == {}


def test_a_network_without_bottlenecks_is_refused(v1_graph):
    with pytest.raises(RequestError, match=r"SPLIT is 2.*nothing to split.*ARCH=v2"):
        bottleneck_split.split(v1_graph, 2)


def test_more_groups_than_channels_are_refused(v2):
    with pytest.raises(RequestError, match="SPLIT is 49; expected at most 48"):
        bottleneck_split.split(v2, 49)


def test_split_files_are_in_a_folder_of_their_own():
    whole, split = (resolve(Options(split=n)) for n in (1, 3))
    assert whole.model_id == "v2-0.35-96-demo"
    assert split.model_id == "v2-0.35-96-demo-split3"
    assert whole.identity() == split.identity()


@pytest.fixture(scope="module")
def calibration(v2):
    pixels = np.random.default_rng(8).uniform(-1, 1, (16, RESOLUTION, RESOLUTION, 3))
    return Calibration(pixels.astype(np.float32), threads=2)


def test_parts_are_centered_for_int8_and_the_sum_stays_the_same(v2, images, calibration):
    split = bottleneck_split.split(v2, 3).graph
    centered = partial_sums.center(split, calibration.statistics(split))
    wanted, found = (outputs(g, images, 2) for g in (split, centered))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    seen, editor = calibration.statistics(centered), GraphEditor(centered)
    found = partial_sums.sums(editor)
    assert [len(parts) for parts in found] == [3] * 16
    for *others, _ in found:
        for layer in others:
            part = seen[editor.name(int(layer.outputs[0]))]
            np.testing.assert_allclose(part.channel_minima, -part.channel_maxima, atol=1e-4)


def test_a_residual_is_no_part(v2, calibration):
    assert partial_sums.sums(GraphEditor(v2)) == []
    assert partial_sums.center(v2, {}) is v2


def test_int8_starts_from_centered_parts(v2, images, calibration):
    split = bottleneck_split.split(v2, 2).graph
    found = search.search(
        split, calibration, images, "softmax", Plan(methods=("min-max",), min_sqnr_db=None)
    )
    editor = GraphEditor(found.graph)
    (first, _), *_ = partial_sums.sums(editor)
    seen = found.stage.statistics[editor.name(int(first.outputs[0]))]
    np.testing.assert_allclose(seen.channel_minima, -seen.channel_maxima, atol=1e-4)


@pytest.mark.slow
def test_an_export_makes_six_split_files_that_answer_as_keras(tmp_path):
    asked = ("--split", 2, "--n-calib", 16, "--rungs", "min-max")
    done = call("export", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "artifacts" / "v2-0.35-96-demo-split2"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["split"]["groups"] == 2 and len(manifest["split"]["split"]) == 16
    assert "split: 16 of 17 depthwise layers" in done.stdout
    assert {a["name"]: a["ops"]["DEPTHWISE_CONV_2D"] for a in manifest["artifacts"]
            if a["format"] == "tflite"} == dict.fromkeys(
                ["float32.tflite", "float16.tflite", "int8.tflite"], 33)  # fmt: skip
    assert len(manifest["artifacts"]) == 6
    assert all(outcomes(a["loads_in"]) == {"ok"} for a in manifest["artifacts"])
    again = call("export", *asked, cwd=tmp_path)
    assert "unchanged" in again.stdout


@pytest.mark.parametrize(
    ("arch", "alpha"),
    [("v2", 0.35), ("v3-large", 0.35), ("v3-small-minimalistic", 0.1), ("v4-conv-small", 0.1)],
)
def test_the_tables_know_the_expansions_that_the_graph_has(arch, alpha):
    spec = ModelSpec(arch, alpha, 32, classes=10)
    found = bottlenecks(GraphEditor(float_graphs.of_random_weights(spec)))
    assert registry.ARCHITECTURES[arch].expansions(spec) == tuple(b.channels for b in found) != ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Options(split=49), "SPLIT is 49; expected at most 48"),
        (Options(arch="v1", split=2), "SPLIT is 2.*nothing to split"),
        (Options(arch="resnext50", split=2), "SPLIT is 2.*nothing to split"),
    ],
)
def test_a_split_that_cannot_be_is_refused_before_anything_is_loaded(asked, message):
    with pytest.raises(RequestError, match=message):
        resolve(asked)
