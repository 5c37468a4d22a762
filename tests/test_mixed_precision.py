"""Float layers inside the int8 network: which ones, how many, and that they really are float."""

import json
import tempfile

import float_graphs
import numpy as np
import pytest
import user_models
from commands import files_in
from in_process import call

from export.onnx import onnx_model
from export.request import ExportRequest
from models.command_line.options import Options
from models.networks.spec import ModelSpec
from quantize import sensitivity
from quantize.evaluate import swap_precision
from quantize.evaluate.latency import Latency
from quantize.evaluate.outputs import outputs, real_outputs
from quantize.graph import layer_names
from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import cut
from quantize.methods import mixed_precision
from quantize.methods.methods import Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search
from quantize.passes.layer import quantized_images
from quantize.ranges.calibration import calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import new_session
from quantize.schemes import int8

BAD = "conv_pw_2"
METHODS = ("min-max", "mixed-precision")


@pytest.fixture(scope="module")
def damaged(v1_graph):
    """The demo v1 with one layer that int8 ruins: huge weights on a channel that is always zero."""
    editor = GraphEditor(v1_graph)
    name = layer_names.layer_names(v1_graph)[BAD]
    bad = next(o for o in editor.operators if editor.name(int(o.outputs[0])) == name)
    ahead = editor.producer(int(bad.inputs[0]))
    for operator, position, channel in ((ahead, 1, 0.0), (ahead, 2, 0.0), (bad, 1, 500.0)):
        values = editor.read(operator, position).copy()
        values[..., 0] = channel
        editor.write(operator, position, values)
    return editor.graph()


@pytest.fixture(scope="module")
def damaged_ranges(damaged, calibration_images):
    statistics = Calibration(calibration_images, threads=2).statistics(damaged)
    return choose_ranges(damaged, statistics)


def slower_by(per_layer):
    """A measurement in which each float layer costs so much; ``asked`` are the graphs it saw."""

    def latencies(graphs, threads):
        found = {}
        for name, graph in graphs.items():
            floats = sum(
                kind in LINEAR and graph.dtype(inputs[1]) == np.float32
                for kind, inputs, _ in graph.operators()
            )
            found[name] = Latency(1 + per_layer * floats, samples=7)
        return found

    return latencies


def searched(graph, calibration_images, evaluation_images, plan, per_layer=0.1):
    return search(
        graph,
        Calibration(calibration_images[:16], threads=2),
        evaluation_images[:16],
        "softmax",
        plan,
        latencies=slower_by(per_layer),
    )


def float_layers(graph, int8_graph):
    names = {tensor: name for name, tensor in layer_names.layer_names(graph).items()}
    return {
        names[made[0]]
        for kind, inputs, made in int8_graph.operators()
        if kind in LINEAR and int8_graph.dtype(inputs[1]) == np.float32
    }


def test_sensitivity_names_the_bad_layer(damaged, damaged_ranges, evaluation_images):
    int8_graph = int8.quantize(damaged, damaged_ranges)
    seen = []
    found = sensitivity.rows(
        damaged, int8_graph, evaluation_images[:16], "softmax", 2, False, seen.append
    )
    assert len(found) == 28 and seen == list(range(1, 57))
    assert found[0].layer == BAD
    assert found[0].alone_db < found[1].alone_db - 10
    assert found[0].gain_db == max(row.gain_db for row in found) > 10
    assert f"\n{BAD} " in sensitivity.text("title", found)


def test_a_layer_left_float_by_swapping_equals_the_graph_that_has_it_float(
    damaged, damaged_ranges, evaluation_images
):
    images, name = evaluation_images[:8], layer_names.layer_names(damaged)[BAD]
    int8_graph = int8.quantize(damaged, damaged_ranges)
    swapped = dict(swap_precision.left_float(damaged, int8_graph, images, 1))[name]
    real = outputs(int8.quantize(damaged, damaged_ranges, {name}), images, 1)
    np.testing.assert_allclose(swapped, real, atol=2 / 256)
    assert np.abs(swapped - outputs(int8_graph, images, 1)).max() > 10 / 256


def test_the_bad_layer_is_left_float_and_the_manifest_says_so(
    damaged, calibration_images, evaluation_images
):
    plan = Plan(METHODS, 25.0, 2.0)
    found = searched(damaged, calibration_images, evaluation_images, plan)
    assert float_layers(damaged, found.int8_graph) == {BAD}
    before, after = found.made().described["methods"]
    assert before["float_layers"] == () and before["latency_ratio"] is None
    assert after["float_layers"] == (BAD,)
    assert after["latency_ratio"] == pytest.approx(1.1) and after["latency_samples"] == 7
    assert after["sqnr_db"] > max(25, before["sqnr_db"] + 10)


def test_the_budget_is_not_exceeded(damaged, calibration_images, evaluation_images):
    for ratio, most in ((1.05, 0), (1.25, 2)):
        plan = Plan(METHODS, 300.0, ratio)
        found = searched(damaged, calibration_images, evaluation_images, plan)
        step = found.tried[-1]
        assert len(step.float_layers) == most
        assert (step.latency_ratio or 1) <= ratio


def test_the_layer_that_makes_most_noise_goes_first(
    v1_graph, calibration_images, evaluation_images
):
    chosen = choose_ranges(v1_graph, Calibration(calibration_images[:16], 2).statistics(v1_graph))
    int8_graph, images = int8.quantize(v1_graph, chosen), calibration_images[:16]
    worst = sensitivity.rows(v1_graph, int8_graph, images, "softmax", 2, True)[0].layer
    found = searched(v1_graph, calibration_images, evaluation_images, Plan(METHODS, 300.0, 1.15))
    assert found.tried[-1].float_layers == (worst,)


def test_rounded_weights_stay_what_the_method_before_made_of_them(
    damaged, damaged_ranges, calibration_images
):
    editor = GraphEditor(int8.quantize(damaged, damaged_ranges))
    for operator in editor.operators:
        if editor.has_int8_weights(operator):
            rounded = editor.read(operator, 1)
            editor.write(operator, 1, np.where(rounded > 0, rounded - 1, rounded))
    before, images = editor.graph(), calibration_images[:16]
    found = Calibration(images, threads=2).statistics(damaged)
    means = {name: a.mean for name, a in found.items() if a.mean is not None}
    start = mixed_precision.Start(damaged, damaged_ranges, means, before, frozenset())
    goal = mixed_precision.Goal(lambda made: False, 1.15, slower_by(0.1))
    mixed = mixed_precision.search(start, images, 2, goal)
    wanted = {made[0]: inputs[1] for _, inputs, made in before.operators() if len(inputs) > 1}
    compared = 0
    for kind, inputs, made in mixed.int8_graph.operators():
        if kind in LINEAR and made[0] not in mixed.kept_float:
            weights = mixed.int8_graph.constant(inputs[1])
            np.testing.assert_array_equal(weights, before.constant(wanted[made[0]]))
            compared += 1
    assert compared == 27


def test_layers_to_keep_float_are_float_with_every_method(
    v1_graph, calibration_images, evaluation_images
):
    asked = ("conv1", "conv_preds")
    plan = Plan(("min-max", "bias-correction", "equalization"), None, 1.0, asked)
    found = searched(v1_graph, calibration_images, evaluation_images, plan)
    assert float_layers(v1_graph, found.int8_graph) == set(asked)
    assert [step.float_layers for step in found.tried] == [asked] * 3
    assert found.made().described["keep_float"] == asked


@pytest.mark.parametrize(
    "kept",
    [("conv1",), ("conv_dw_1",), ("conv_pw_5", "conv_dw_6"), ("conv_preds",)],
    ids="+".join,
)
def test_the_onnx_form_is_the_same_network_with_the_same_layers_float(
    v1_graph, v1_statistics, evaluation_images, kept
):
    """In a session with default options: ONNX Runtime must not quantize those layers itself."""
    agree(v1_graph, choose_ranges(v1_graph, v1_statistics), evaluation_images[:40], kept, 28)


def test_a_sum_reads_integers_where_a_float_layer_reads_the_same_value_as_it_is(images_64):
    graph = float_graphs.of_random_weights(ModelSpec("v2", 0.1, 64, classes=5))
    chosen = choose_ranges(graph, calibrate(graph, images_64[:, None], threads=2))
    agree(graph, chosen, images_64, ("block_1_project", "block_2_expand"), 52)


@pytest.fixture
def images_64():
    return np.random.default_rng(3).uniform(-1, 1, (24, 64, 64, 3)).astype(np.float32)


def agree(graph, chosen, images, kept, layers):
    """The int8 file with ``kept`` float says the same in LiteRT and in ONNX Runtime."""
    import onnx

    names = layer_names.layer_names(graph)
    int8_graph = int8.quantize(graph, chosen, [names[name] for name in kept])
    model = onnx_model.of_graph(int8_graph).model
    opened = new_session("onnxruntime", threads=2)
    with tempfile.TemporaryDirectory() as folder:
        opened.options.optimized_model_filepath = f"{folder}/optimized.onnx"
        opened.load(model.SerializeToString())
        kinds = [n.op_type for n in onnx.load(f"{folder}/optimized.onnx").graph.node]
    assert sum(kind in ("QLinearConv", "QLinearMatMul", "QGemm") for kind in kinds) == (
        layers + (graph.op_histogram.get("FULLY_CONNECTED", 0)) - len(kept)
    )
    fed = quantized_images(int8_graph, images)
    found = np.stack([opened.session.run(None, {"image": image[None]})[0][0] for image in fed])
    wanted = outputs(int8_graph, images, 2)
    steps = np.abs(real_outputs(int8_graph, {int8_graph.outputs[0]: found}) - wanted) * 256
    assert steps.max() <= 6 and steps.mean() < 0.1


def test_a_layer_to_keep_float_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    done = call("export", "--arch", "v1", "--keep-float", "conv1,conv_dv_1", cwd=tmp_path)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and done.stdout == ""
    assert "KEEP_FLOAT has 'conv_dv_1'" in line and "conv_dw_1" in line
    assert line.endswith("-m quantize.sensitivity --arch v1 prints all of them")
    assert "calibrating" not in done.stderr
    assert files_in(tmp_path) == []


def key_of(options):
    """The key that an export of ``options`` writes into its manifest."""
    request = ExportRequest.of(options)
    size = request.source.size
    return request.key(request.open_image_sets(size, 10), size)


@pytest.mark.slow
def test_an_export_keeps_layers_float_in_both_int8_files_and_in_its_key(tmp_path):
    kept = "conv1,conv_dw_1"
    done = call("export", "--arch", "v1", "--keep-float", kept, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["key"] == key_of(Options(arch="v1", keep_float=kept))
    assert manifest["key"] != key_of(Options(arch="v1"))
    assert manifest["int8"]["keep_float"] == ["conv1", "conv_dw_1"]
    assert manifest["int8"]["methods"][-1]["float_layers"] == ["conv1", "conv_dw_1"]
    files = {a["name"]: a for a in manifest["artifacts"]}
    assert files["int8.tflite"]["inputs"][0]["dtype"] == "int8"
    assert files["int8.tflite"]["ops"]["DEQUANTIZE"] == 1
    figures = [files[f"int8.{form}"]["fidelity"]["sqnr_db"] for form in ("tflite", "onnx")]
    assert figures[0] == pytest.approx(figures[1], abs=1)


@pytest.mark.parametrize(
    "builder", [user_models.nested_with_own_rescaling, user_models.logits_only]
)
def test_layers_of_users_models_have_the_names_that_keras_gave_them(builder):
    from models.keras_files import float_graph

    model = builder()
    height, width, channels = model.inputs[0].shape[1:]
    graph = Graph(float_graph.convert(model, height, width, channels)).named("image", "logits")
    known = {layer.name for layer in model._flatten_layers()}
    found = layer_names.layer_names(graph)
    assert set(found) <= known and len(found) >= 3
    assert list(found.values()) == [o[0] for k, _, o in graph.operators() if k in LINEAR]


def test_an_output_layer_left_float_still_gives_int8(v1_graph):
    graph = cut(GraphEditor(v1_graph), 0, len(v1_graph.subgraph.operators) - 1)
    images = np.random.default_rng(5).uniform(-1, 1, (8, 1, 96, 96, 3)).astype(np.float32)
    chosen = choose_ranges(graph, calibrate(graph, images, threads=1))
    last = list(graph.operators())[-1][2][0]
    made = int8.quantize(graph, chosen, {last})
    assert made.outputs == graph.outputs
    assert made.dtype(made.outputs[0]) == np.int8
