"""The layer that diverges first: found where a fault was planted, and only there."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import tiny_models

from bench.explain.explain import (
    KERAS,
    Side,
    as_dict,
    divergence,
    explain,
    flipped_first,
    layer_outputs,
    table,
)
from bench.explain.instrumented import instrument
from bench.explain.instrumented_layer import IMAGE, OUTPUT, short_name
from bench.explain.layer_drift import CEILING_DB, LayerDrift, compared
from bench.explain.layer_pairs import KERAS_OUTPUT, in_shape, keras_layers, without_filling
from models.command_line.errors import DeviceError
from quantize.evaluate.output_comparison import FLOOR_DB
from quantize.graph.delegate import partitions
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.layer_names import layer_names

RUNTIME = {"tflite": "litert", "onnx": "onnxruntime"}


def layer(sqnr_db, *reads, kind="CONV_2D", rounded=False):
    return LayerDrift("", kind, (1,), sqnr_db, sqnr_db, False, 0.0, rounded=rounded, reads=reads)


def chain(*sqnr_db, rounded=False, kind="CONV_2D"):
    """Layers that each read the one ahead."""
    return divergence.with_drops(
        [
            layer(db, *((i - 1,) if i else ()), rounded=rounded, kind=kind)
            for i, db in enumerate(sqnr_db)
        ]
    )


# --- one layer -------------------------------------------------------------------------------


def test_a_layers_sqnr_and_largest_difference_are_of_all_its_values():
    a = np.array([[[3.0, 4.0]]])
    found = compared("conv1", "CONV_2D", a, a + np.array([0, 0.5]))
    assert found.sqnr_db == pytest.approx(10 * math.log10(25 / 0.25))
    assert found.largest_difference == 0.5 and found.shape == (1, 2)
    assert compared("conv1", "CONV_2D", a, a).sqnr_db is None


def test_a_layer_kept_scaled_by_channel_is_the_same_layer():
    a = np.random.default_rng(0).random((2, 3, 3, 4))
    found = compared("conv1", "CONV_2D", a, a * [1, 2, 8, 0.5])
    assert found.rescaled and (found.sqnr_db is None or found.sqnr_db > 200)
    whole = compared("(output)", "SOFTMAX", a, a * [1, 2, 8, 0.5], scalable=False)
    assert not whole.rescaled and whole.sqnr_db < 0


def test_scaling_hides_neither_dead_channels_nor_shifted_nor_negated_ones():
    a = np.random.default_rng(0).random((2, 8, 8, 4))
    for damaged in (a * [1, 0, 1, 1], a + np.array([0, 3, 0, 0]), a * [1, -1, 1, 1]):
        assert compared("conv1", "CONV_2D", a, damaged).sqnr_db < 15


def test_a_scale_is_not_fitted_to_a_few_values():
    a = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])
    assert not compared("dense", "FULLY_CONNECTED", a, 2 * a).rescaled


def test_values_that_are_not_finite_are_counted_and_are_all_noise():
    a = np.ones((1, 2, 2, 3))
    b = a.copy()
    b[0, 0, 0] = [np.nan, np.inf, 1]
    found = compared("conv1", "CONV_2D", a, b)
    assert found.not_finite == 2 and found.sqnr_db == FLOOR_DB
    assert found.largest_difference == 1


# --- which of them ---------------------------------------------------------------------------


def test_a_layer_loses_what_it_has_less_than_the_worst_it_reads():
    layers = divergence.with_drops([layer(None), layer(50, 0), layer(30, 0), layer(27, 1, 2)])
    assert [found.drop_db for found in layers] == [0, CEILING_DB - 50, CEILING_DB - 30, 3]


def test_the_first_layer_with_noise_of_its_own_diverges():
    assert divergence.first(chain(46, 40, 33, 3, 2, 1, rounded=True)) == 3
    assert divergence.first(chain(130, 125, 10, 5)) == 2


def test_noise_that_rounding_makes_is_no_divergence():
    assert divergence.first(chain(46, 38, 31, 28, 25, 22, 19, 17, rounded=True)) is None
    assert divergence.first(chain(46, 35, 29, 24, 20, 17, 14, 11, rounded=True)) is None
    assert divergence.first(chain(125, 60, 55, 50)) is None
    # The same loss is one where both sides are float.
    assert divergence.first(chain(46, 40, 24, 22, rounded=True)) is None
    assert divergence.first(chain(46, 40, 24, 22)) == 2


def test_a_difference_that_the_next_layers_undo_is_one_of_form():
    assert divergence.first(chain(40, 3, 2, 38, 37, rounded=True)) is None
    assert divergence.first(chain(40, 3, 2, 5, 6, rounded=True)) == 1
    # SQNR that rises slowly towards the answer undoes nothing.
    assert divergence.first(chain(40, 3, 2, 5, 10, 38, rounded=True)) == 1


def test_an_average_that_removes_noise_does_not_undo_a_fault():
    fault, average = layer(5, 0, rounded=True), layer(30, 1, kind="MEAN", rounded=True)
    assert divergence.first(divergence.with_drops([layer(46), fault, average])) == 1


def test_what_a_shortcut_brings_does_not_undo_a_fault():
    fault, shortcut, added = (
        layer(db, *reads) for db, reads in ((5, [0]), (60, [0]), (50, [1, 2]))
    )
    assert divergence.first(divergence.with_drops([layer(60), fault, shortcut, added])) == 1


def test_a_scale_that_the_next_layer_does_not_undo_is_wrong():
    def scaled(*reads):
        return replace(layer(30, *reads, rounded=True), rescaled=True, unscaled_db=2)

    rest = [layer(3, 1, rounded=True), layer(2, 2, rounded=True)]
    wrong = divergence.with_drops([layer(46), scaled(0), *rest])
    assert divergence.first(wrong) == 1
    assert (wrong[1].sqnr_db, wrong[1].rescaled) == (2, False)
    # In a network that is equalized throughout it is the next layer that is wrong.
    equalized = [layer(46), scaled(0), layer(30, 1, rounded=True), scaled(2)]
    rest = [layer(3, 3, rounded=True), layer(2, 4, rounded=True)]
    assert divergence.first(divergence.with_drops([*equalized, *rest])) == 4


def test_an_input_that_differs_is_named():
    assert divergence.first(chain(6, 6, 6, rounded=True)) == 0
    assert divergence.first(chain(42, 41, 40, rounded=True)) is None


def test_the_steepest_layer_is_never_the_input():
    assert divergence.steepest(chain(42, 40, 35, 34, rounded=True)) == 2


# --- the layers of files and of Keras --------------------------------------------------------


def test_layers_of_a_file_are_observed_by_the_names_of_the_float_graph():
    onnx = instrument(tiny_models.onnx(int8=True), "onnx").layers
    assert [(found.key, found.sources) for found in onnx] == [
        (IMAGE, ()), ("flat", (IMAGE,)), (OUTPUT, ("flat",)),
    ]  # fmt: skip
    float_onnx = instrument(tiny_models.onnx(), "onnx").layers
    assert [found.key for found in float_onnx] == [IMAGE, "flat", "real_scores", OUTPUT]
    assert onnx[-1].value == "scores"
    assert (onnx[-1].scale, onnx[-1].zero_point) == (0.5, 1)
    tflite = instrument(tiny_models.tflite(int8=True), "tflite").layers
    assert [(f.key, f.kind) for f in tflite[1:]] == [
        ("flat", "RESHAPE"), (OUTPUT, "FULLY_CONNECTED"),
    ]  # fmt: skip


def test_stored_values_become_real_ones():
    instrumented = instrument(tiny_models.tflite(int8=True), "tflite")
    images = np.full((1, 8, 8, 3), 0.5, np.float32)
    stored = instrumented.stored_images(images)
    assert stored.dtype == np.int8 and stored[0, 0, 0, 0] == 60 - 3
    assert instrumented.layers[0].real(stored)[0, 0, 0, 0] == pytest.approx(0.5, abs=1 / 240)
    wider = replace(instrumented, input_dtype=np.dtype(np.int16)).stored_images(8 * images)
    assert wider.dtype == np.int16 and wider[0, 0, 0, 0] == 480 - 3
    onnx = instrument(tiny_models.onnx(int8=True), "onnx").stored_images(images)
    np.testing.assert_array_equal(onnx, stored)


def test_names_are_those_of_keras():
    assert short_name("net_1/activation_1/mul/relu6") == "activation"
    assert short_name("net_1/add_2_1/Add;net_1/x_1/Add") == "add_2"
    assert short_name("flat") == "flat" and short_name("stem/mul_1") == "stem"
    keys = ["net_1/re_lu_1/Relu;net_1/conv_1/convolution", "net_1/gate_1/add", "net_1/gate_1/mul"]
    known = ["re_lu", "re_lu_1", "gate", KERAS_OUTPUT]
    assert keras_layers([IMAGE, *keys, OUTPUT], known) == {
        IMAGE: IMAGE, OUTPUT: KERAS_OUTPUT, keys[0]: "re_lu", keys[2]: "gate",
    }  # fmt: skip
    unnumbered = keras_layers(["net/conv_1/convolution", "net/relu/Relu"], ["conv_1", "conv"])
    assert unnumbered["net/conv_1/convolution"] == "conv_1"


def test_values_come_in_the_shape_of_the_other_side():
    values = np.arange(6.0).reshape(1, 3, 2, 1)
    assert in_shape(values, (1, 3, 2)).shape == (1, 3, 2)
    assert in_shape(values, (1, 2, 3)) is None
    image = np.zeros((1, 5, 4, 3))
    assert in_shape(image, (1, 3, 5, 4)).shape == (1, 3, 5, 4)


def test_channels_that_only_one_side_has_are_left_out():
    values = np.arange(1 * 2 * 3 * 72, dtype=np.float32).reshape(1, 2, 3, 72)
    filled = np.pad(values, [(0, 0)] * 3 + [(0, 8)], constant_values=9)
    for a, b in ((values, filled), (filled, values)):
        for found in without_filling(a, b):
            np.testing.assert_array_equal(found, values)
    for other in (np.zeros((1, 2, 3, 88)), np.zeros((1, 3, 2, 80)), np.zeros((72,))):
        assert without_filling(values, other)[1].shape == other.shape


def test_more_outputs_change_neither_the_prediction_nor_the_delegate(v1_graph, evaluation_images):
    instrumented = instrument(v1_graph.content, "tflite")
    assert partitions(Graph(instrumented.content)) == partitions(v1_graph)
    image = evaluation_images[:1]
    answers = []
    for content in (v1_graph.content, instrumented.content):
        interpreter = Graph(content).interpreter(threads=1)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        outputs = {d["name"]: d["index"] for d in interpreter.get_output_details()}
        answers.append(interpreter.get_tensor(outputs["probabilities"]))
    np.testing.assert_array_equal(*answers)


def test_a_runtime_that_fails_is_one_line(tmp_path):
    images = np.zeros((1, 8, 8, 3), np.float32)
    for runtime, content in (("litert", b"TFL3 it is not"), ("onnxruntime", b"nor this")):
        with pytest.raises(DeviceError, match=rf"layers of {runtime} cannot be run") as raised:
            layer_outputs.of_file(runtime, content, ["scores"], images, tmp_path)
        assert "\n" not in str(raised.value)


# --- planted faults --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def int8_graph(v1_graph, v1_statistics):
    from quantize.ranges.choose_scale import choose_ranges
    from quantize.schemes import int8

    return int8.quantize(v1_graph, choose_ranges(v1_graph, v1_statistics))


@pytest.fixture(scope="module")
def onnx_model(v1_graph):
    from export.onnx import onnx_model

    return onnx_model.of_graph(v1_graph).model


def damaged(graph, name, change):
    """``graph`` with ``change(editor, operator)`` done to the layer called ``name``."""
    editor = GraphEditor(graph)
    tensor = layer_names(graph)[name]
    change(editor, next(o for o in editor.operators if editor.name(int(o.outputs[0])) == tensor))
    return editor.graph()


def shifted_bias(editor, operator):
    bias = editor.read(operator, 2)
    step = editor.tensor(int(operator.inputs[2])).quantization
    scale = 1.0 if step is None or step.scale is None else np.asarray(step.scale)
    editor.write(operator, 2, bias + 2.0 / scale)


def shuffled_weights(editor, operator):
    weights = editor.read(operator, 1)
    editor.write(operator, 1, np.roll(weights.reshape(-1), 7).reshape(weights.shape))


def doubled_weight_scale(editor, operator):
    quantization = editor.tensor(int(operator.inputs[1])).quantization
    quantization.scale = [2 * scale for scale in quantization.scale]


def quartered_range(editor, operator):
    """The output's integers end at a quarter of its values, as after a bad calibration."""
    quantization = editor.tensor(int(operator.outputs[0])).quantization
    quantization.scale = [quantization.scale[0] / 4]


def side(tmp_path, content, name, runtime=None):
    """A file of ``content`` called ``name``, in the first runtime of its format."""
    path = tmp_path / name
    path.write_bytes(content)
    form = path.suffix[1:]
    return Side(name, runtime or RUNTIME[form], path, form)


def named(explanation):
    return None if explanation.first is None else explanation.layers[explanation.first].layer


@pytest.mark.parametrize(
    "name, fault",
    [
        ("conv1", shuffled_weights),
        ("conv_dw_5", shifted_bias),
        ("conv_pw_5", shifted_bias),
        ("conv_preds", shuffled_weights),
    ],
)
def test_a_fault_in_a_float_layer_is_named(v1_graph, evaluation_images, tmp_path, name, fault):
    broken = damaged(v1_graph, name, fault)
    a, b = (side(tmp_path, g.content, n) for g, n in ((v1_graph, "a.tflite"), (broken, "b.tflite")))
    found = explain(a, b, evaluation_images[:4])
    assert named(found) == name
    place = found.first
    assert all(before.sqnr_db is None for before in found.layers[:place])
    assert f"{name} is the first layer that diverges" in str(found)


@pytest.mark.parametrize(
    "name, fault",
    [
        ("conv_dw_3", quartered_range),
        ("conv_pw_5", shifted_bias),
        ("conv_pw_5", doubled_weight_scale),
        ("conv_pw_12", shuffled_weights),
        ("conv_pw_12", doubled_weight_scale),
    ],
)
def test_a_fault_in_an_int8_layer_is_told_from_rounding(
    v1_graph, int8_graph, evaluation_images, tmp_path, name, fault
):
    a = side(tmp_path, v1_graph.content, "float32.tflite")
    b = side(tmp_path, damaged(int8_graph, name, fault).content, "int8.tflite")
    assert named(explain(a, b, evaluation_images[:4])) == name


def test_a_fault_is_named_across_formats(v1_graph, onnx_model, evaluation_images, tmp_path):
    a = side(tmp_path, onnx_model.SerializeToString(), "float32.onnx")
    b = side(tmp_path, damaged(v1_graph, "conv_pw_5", shifted_bias).content, "b.tflite")
    for sides in ((a, b), (b, a)):
        found = explain(*sides, evaluation_images[:4])
        assert named(found) == "conv_pw_5" and len(found.layers) > 30


def test_a_fault_in_an_int8_onnx_file_is_named(
    v1_graph, int8_graph, onnx_model, evaluation_images, tmp_path
):
    from export.onnx import onnx_model as written

    broken = damaged(int8_graph, "conv_pw_5", shifted_bias)
    a = side(tmp_path, int8_graph.content, "int8.tflite")
    content = written.of_graph(broken).model.SerializeToString()
    b = side(tmp_path, content, "int8.onnx")
    assert named(explain(a, b, evaluation_images[:4])) == "conv_pw_5"
    c = side(tmp_path, onnx_model.SerializeToString(), "float32.onnx")
    assert named(explain(c, b, evaluation_images[:4])) == "conv_pw_5"


def test_a_first_convolution_of_groups_of_columns_is_one_layer(int8_graph):
    from export.onnx import onnx_model as written

    content = written.of_graph(int8_graph).model.SerializeToString()
    _, first, second, *_ = instrument(content, "onnx").layers
    assert (first.name, first.kind, first.sources) == ("conv1", "Conv", (IMAGE,))
    assert (second.kind, second.sources) == ("Conv", (first.key,))


def test_sides_with_equal_outputs_have_no_layer_that_diverges(
    v1_graph, int8_graph, onnx_model, evaluation_images, tmp_path
):
    from export.onnx import onnx_model as written

    content = written.of_graph(int8_graph).model.SerializeToString()
    float32 = side(tmp_path, v1_graph.content, "float32.tflite")
    others = [
        side(tmp_path, int8_graph.content, "int8.tflite"),
        side(tmp_path, int8_graph.content, "int8.tflite", "litert-builtin"),
        side(tmp_path, onnx_model.SerializeToString(), "float32.onnx"),
        side(tmp_path, content, "int8.onnx"),
    ]
    for other in others:
        found = explain(float32, other, evaluation_images[:4])
        assert named(found) is None and len(found.layers) > 30
        assert "no layer stands out" in str(found) and "(output: " in str(found)
        assert all(one.reads == (i - 1,) for i, one in enumerate(found.layers) if i)


@pytest.mark.slow
def test_a_fault_is_named_against_keras(v1_graph, int8_graph, evaluation_images, tmp_path):
    from models.command_line.options import Options

    keras = Side("keras", KERAS, options=Options(arch="v1"))
    for graph, name in ((v1_graph, "conv_pw_5"), (int8_graph, "conv_dw_8")):
        broken = damaged(graph, name, shifted_bias)
        found = explain(keras, side(tmp_path, broken.content, "b.tflite"), evaluation_images[:4])
        assert named(found) == name and len(found.layers) > 30
    whole = explain(keras, side(tmp_path, v1_graph.content, "a.tflite"), evaluation_images[:4])
    assert named(whole) is None
    assert whole.layers[-1].sqnr_db > 100


@pytest.mark.slow
def test_layers_that_int8_keeps_scaled_are_the_same_as_keras(
    v3_graph, calibration_images, evaluation_images, tmp_path
):
    import keras

    from models.command_line.options import Options
    from quantize.passes import hard_swish
    from quantize.ranges.calibration import calibrate
    from quantize.ranges.choose_scale import choose_ranges
    from quantize.schemes import int8

    lowered = hard_swish.lower(v3_graph)
    statistics = calibrate(lowered, (image[None] for image in calibration_images), threads=2)
    graph = int8.quantize(lowered, choose_ranges(lowered, statistics))
    keras.utils.clear_session(free_memory=False)
    keras_side = Side("keras", KERAS, options=Options(arch="v3-small"))
    found = explain(keras_side, side(tmp_path, graph.content, "int8.tflite"), evaluation_images[:4])
    assert len(found.layers) > 100 and named(found) is None
    assert sum(one.rescaled for one in found.layers) > 10


@pytest.mark.slow
def test_layers_of_nested_and_sequential_models_are_found(tmp_path, fresh_keras):
    import keras

    from models.command_line.options import Options
    from models.keras_files import float_graph

    layers, image = keras.layers, keras.Input((16, 16, 3))
    inner = layers.Conv2D(4, 3, name="inner")(layers.Conv2D(4, 3, name="outer")(image))
    models = {
        "nested": [keras.Model(image, inner), layers.GlobalAveragePooling2D(name="pool")],
        "plain": [
            layers.Conv2D(4, 3, activation="relu", name="outer"),
            layers.Flatten(name="flat"),
        ],
    }
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    for name, parts in models.items():
        head = layers.Dense(3, activation="softmax", name="head")
        model = keras.Sequential([keras.Input((16, 16, 3)), *parts, head])
        model.save(tmp_path / f"{name}.keras")
        graph = Graph(float_graph.convert(model, 16, 16, 3)).named("image", "probabilities")
        options = Options(model=str(tmp_path / f"{name}.keras"))
        file = side(tmp_path, graph.content, f"{name}.tflite")
        found = explain(Side("keras", KERAS, options=options), file, images)
        # The head is two operators in the file, of which only the output is one in Keras.
        expected = {"nested": ["outer", "inner", "pool"], "plain": ["outer", "flat"]}[name]
        assert [one.layer for one in found.layers] == [IMAGE, *expected, "probabilities"]
        assert all(one.sqnr_db is None or one.sqnr_db > 100 for one in found.layers)
        assert named(found) is None


# --- what is shown ---------------------------------------------------------------------------


def test_images_that_flipped_are_looked_at_first():
    a = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.7, 0.3]])
    b = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]])
    assert flipped_first(a, b, "softmax").tolist() == [3, 1, 2, 0]
    assert flipped_first(a, b, "softmax", count=2).tolist() == [3, 1]


def test_the_table_marks_the_layer_and_a_program_reads_its_name(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    a = side(tmp_path, tiny_models.tflite(), "a.tflite")
    b = side(tmp_path, tiny_models.tflite(answer_of=(1, 0, 2)), "b.tflite")
    found = explain(a, b, images)
    lines = table(found).splitlines()
    assert lines[0] == str(found) and "scores is the first layer that diverges" in lines[0]
    assert len(lines) == 5 and lines[-1].endswith("<- first to diverge")
    assert lines[2].split()[:4] == ["(image)", "input", "8x8x3", "exact"]
    read = json.loads(json.dumps(as_dict(found)))
    assert read["first"] == "scores" and read["layers"][1]["shape"] == [192]
    same = explain(a, replace(a, name="again"), images)
    assert as_dict(same)["first"] is None
    assert str(same).endswith("no layer stands out (output: exact)")


def test_sides_without_a_name_in_common_name_no_layer(tmp_path):
    images = np.zeros((1, 8, 8, 3), np.float32)
    content = tiny_models.tflite()
    model = GraphEditor(Graph(content))
    model.subgraph.tensors[2].name = b"other"
    a, b = side(tmp_path, content, "a.tflite"), side(tmp_path, model.graph().content, "b.tflite")
    assert "no layer has the same name on both sides" in str(explain(a, b, images))
