"""Grouped convolutions: one operator in every file; no pass mixes the channels of two groups."""

from dataclasses import replace

import numpy as np
import pytest
from commands import outcomes
from in_process import call
from user_models import randomize

from export.artifact import Manifest
from export.onnx import onnx_model
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.graph import delegate, layer_names
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.groups import group_of, groups, kernel, set_kernel
from quantize.methods.methods import METHODS, Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search
from quantize.passes import channel_splitting, equalization, error_feedback
from quantize.passes.layer import layers
from quantize.passes.rounding import Problem
from quantize.ranges.choose_scale import choose_ranges
from quantize.runtime.model_session import open_session
from quantize.schemes import int8
from quantize.schemes.scheme import INT8, INT8_PER_TENSOR
from quantize.training.training_set import TrainingSet

SIDE = 24
GROUPS = {"spatial": 4, "pointwise": 3, "strided": 8}


def network():
    """A spatial, a 1x1 and a strided grouped convolution, one after the other."""
    import keras
    from keras import layers

    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu6", name="stem")(image)
    x = layers.Conv2D(24, 3, padding="same", groups=4, use_bias=False, name="spatial")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(24, 1, groups=3, activation="relu", name="pointwise")(x)
    x = layers.Conv2D(48, 3, 2, padding="same", groups=8, activation="relu6", name="strided")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return randomize(keras.Model(image, layers.Dense(5, activation="softmax", name="answer")(x)))


@pytest.fixture(scope="module")
def keras_model():
    import keras

    keras.utils.clear_session(free_memory=False)
    yield network()
    keras.utils.clear_session(free_memory=False)


@pytest.fixture(scope="module")
def graph(keras_model):
    from models.keras_files import float_graph

    return Graph(float_graph.convert(keras_model, SIDE, SIDE, 3)).named("image", "probabilities")


def images(count, seed):
    """Preprocessed images of several brightnesses and contrasts."""
    rng = np.random.default_rng(seed)
    made = rng.uniform(-1, 1, (count, SIDE, SIDE, 3)) * rng.uniform(0.2, 0.7, (count, 1, 1, 1))
    return (made + rng.uniform(-0.3, 0.3, (count, 1, 1, 3))).astype(np.float32)


@pytest.fixture(scope="module")
def calibration():
    return Calibration(images(64, 1), threads=2)


@pytest.fixture(scope="module")
def statistics(graph, calibration):
    return calibration.statistics(graph)


@pytest.fixture(scope="module")
def plain(graph, statistics):
    return int8.quantize(graph, choose_ranges(graph, statistics))


def sqnr_db(wanted, found):
    return compare(wanted, found, "softmax").sqnr_db


def is_one_piece(partitions):
    """True where the delegate takes all but the int8 softmax, which it has not."""
    return partitions.count == 1 and set(partitions.outside) <= {"SOFTMAX"}


def operators(graph):
    """The grouped convolutions by layer name, in an editor of their own."""
    editor = GraphEditor(graph)
    by_output = {editor.name(int(o.outputs[0])): o for o in editor.operators}
    named = {n: by_output[output] for n, output in layer_names.layer_names(graph).items()}
    return editor, {name: named[name] for name in GROUPS}


def test_the_float_graph_has_each_as_one_operator_named_after_its_layer(graph, keras_model):
    assert graph.op_histogram["CONV_2D"] == 4
    assert set(graph.op_histogram) == {"CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"}
    editor, found = operators(graph)
    assert {name: groups(editor, operator) for name, operator in found.items()} == GROUPS
    evaluated = images(8, 2)
    wanted = np.asarray(keras_model(evaluated, training=False))
    np.testing.assert_allclose(outputs(graph, evaluated, 1), wanted, atol=1e-6)
    assert delegate.partitions(graph).is_whole


def test_a_kernel_over_all_channels_computes_the_same_and_is_stored_as_it_was(graph):
    editor, found = operators(graph)
    before = {name: editor.read(operator, 1).copy() for name, operator in found.items()}
    dense = {name: kernel(editor, operator) for name, operator in found.items()}
    for name, operator in found.items():
        parts = np.split(dense[name], GROUPS[name], axis=0)
        per_group = before[name].shape[3]
        for i, part in enumerate(parts):
            assert np.count_nonzero(part) == np.count_nonzero(
                part[..., i * per_group : (i + 1) * per_group]
            )
        set_kernel(editor, operator, dense[name])
        np.testing.assert_array_equal(editor.read(operator, 1), before[name])
        weights = editor.tensor(int(operator.inputs[1]))
        weights.shape = np.asarray(dense[name].shape, np.int32)
        editor.set_constant(int(operator.inputs[1]), dense[name])
    evaluated = images(4, 3)
    np.testing.assert_allclose(
        outputs(editor.graph(), evaluated, 1), outputs(graph, evaluated, 1), atol=1e-6
    )


@pytest.mark.parametrize("scheme", [INT8, INT8_PER_TENSOR], ids=lambda s: s.name)
def test_every_method_takes_it_and_stays_close_to_float(
    graph, calibration, scheme, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)  # learned rounding keeps its layers in a folder
    calibration = replace(calibration, training=TrainingSet(calibration.images, steps=4))
    found = search(graph, calibration, images(64, 4), "softmax", Plan(tuple(METHODS), None), scheme)
    tried = [result.method for result in found.tried]
    assert tried == [method for method in METHODS if method in tried] and not found.failures
    assert {"error-feedback", "fisher-ranges", "learned-rounding"} <= {*tried}
    assert all(step.decibels > 30 for step in found.tried)
    assert is_one_piece(delegate.partitions(found.int8_graph))


@pytest.mark.parametrize("per_channel", [True, False])
def test_equalization_leaves_the_float_network_and_scales_what_a_group_reads(
    graph, statistics, calibration, per_channel
):
    made = equalization.equalize(graph, statistics, per_channel)
    wanted, found = (outputs(g, calibration.images, 2) for g in (graph, made))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    (old, before), (new, after) = operators(graph), operators(made)
    for name in GROUPS:
        same = np.array_equal(old.read(before[name], 1), new.read(after[name], 1))
        assert same == per_channel


def test_absorbed_biases_leave_the_float_network(graph, calibration):
    editor, found = operators(graph)
    bias = editor.read(found["spatial"], 2) + 5  # all channels stay above 0
    editor.write(found["spatial"], 2, bias)
    raised = editor.graph()
    made = equalization.absorb_high_biases(raised, calibration.statistics(raised))
    np.testing.assert_allclose(
        outputs(made, calibration.images, 2), outputs(raised, calibration.images, 2), atol=1e-5
    )
    editor, found = operators(made)
    assert (editor.read(found["spatial"], 2) < bias - 1).any()


DEAD = [0, 7, 8, 9, 10, 11]  # of the spatial layer: one of group 0, and five of group 1 of 6 each


def test_dead_channels_become_copies_of_their_own_group_alone(graph, calibration):
    editor, found = operators(graph)
    weights, bias = editor.read(found["spatial"], 1).copy(), editor.read(found["spatial"], 2).copy()
    weights[DEAD], bias[DEAD] = 0, -1
    editor.write(found["spatial"], 1, weights)
    editor.write(found["spatial"], 2, bias)
    dead = editor.graph()
    split = channel_splitting.split(dead, calibration.statistics(dead))
    evaluated = images(16, 5)
    np.testing.assert_allclose(outputs(split, evaluated, 2), outputs(dead, evaluated, 2), atol=1e-5)
    editor, found = operators(split)
    copied = editor.read(found["spatial"], 1)
    made, read = group_of(24, GROUPS["spatial"]), group_of(24, GROUPS["pointwise"])
    filled = [i for i in DEAD if copied[i].any()]
    # 7 is made by group 1 and read by group 0, as 6 is; 8 to 11 have nobody in their place alive.
    assert filled == [0, 7]
    np.testing.assert_array_equal(copied[7], copied[6])
    assert (made[6], read[6]) == (made[7], read[7])
    origin = next(i for i in range(1, 6) if np.array_equal(copied[0], copied[i]))
    assert (made[origin], read[origin]) == (made[0], read[0])


def test_the_same_weights_in_two_groups_are_no_copies(graph, calibration):
    editor, found = operators(graph)
    weights, bias = editor.read(found["spatial"], 1).copy(), editor.read(found["spatial"], 2).copy()
    weights[[1, 2, 6]], bias[[1, 2, 6]] = weights[0], bias[0]
    editor.write(found["spatial"], 1, weights)
    editor.write(found["spatial"], 2, bias)
    alike = editor.graph()
    made = int8.quantize(alike, choose_ranges(alike, calibration.statistics(alike)))
    layer = list(layers(alike, GraphEditor(made)))[1]
    np.testing.assert_array_equal(np.flatnonzero(layer.stagger()), [0, 2])


def test_a_problem_for_each_group_gives_the_outputs_of_the_layer(graph, plain):
    rng = np.random.default_rng(6)
    for layer in list(layers(graph, GraphEditor(plain)))[1:4]:
        _, height, width, part = layer.float_weights.shape
        shape = (10, height * width, layer.groups * part)
        inputs = rng.normal(size=shape).astype(np.float32)
        problem = Problem.of(layer, inputs.copy())  # it changes them
        found = problem.inputs @ problem.weights.transpose(0, 2, 1) + problem.center
        dense = kernel(layer.part, layer.part.operators[0]).reshape(len(layer.float_bias), -1)
        wanted = inputs.reshape(10, -1) @ dense.T + layer.float_bias
        assert len(problem.weights) == layer.groups > 1
        np.testing.assert_allclose(np.concatenate(found, axis=1), wanted, atol=1e-4)


def test_error_feedback_rounds_every_grouped_kernel_better(graph, plain, statistics, calibration):
    means = {name: a.mean for name, a in statistics.items() if a.mean is not None}
    made = error_feedback.refine(graph, plain, means, calibration.images, threads=2)
    (old, before), (new, after) = operators(plain), operators(made)
    for name in GROUPS:
        change = new.read(after[name], 1).astype(int) - old.read(before[name], 1)
        assert change.any() and np.abs(change).max() <= 3


def onnx_outputs(model, given):
    session = open_session("onnxruntime", model.SerializeToString()).session
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in given])


def test_onnx_has_each_as_one_convolution_with_a_group_and_the_same_scales(graph, plain):
    made = onnx_model.of_graph(graph).model
    evaluated = images(8, 7)
    np.testing.assert_allclose(
        onnx_outputs(made, evaluated), outputs(graph, evaluated, 1), atol=1e-6
    )
    integers = onnx_model.of_graph(plain).model
    for model in (made, integers):
        convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
        found = [next(a.i for a in n.attribute if a.name == "group") for n in convolutions]
        assert found == [1, *GROUPS.values()]
    from onnx import numpy_helper

    stored = {i.name: numpy_helper.to_array(i) for i in integers.graph.initializer}
    editor, by_name = operators(plain)
    for operator in by_name.values():
        base = f"{editor.name(int(operator.outputs[0]))}:kernel"
        tensor = editor.tensor(int(operator.inputs[1]))
        np.testing.assert_array_equal(stored[f"{base}:scale"], tensor.quantization.scale)
        np.testing.assert_array_equal(
            stored[f"{base}:int8"], editor.read(operator, 1).transpose(0, 3, 1, 2)
        )


@pytest.fixture(scope="module")
def exported(tmp_path_factory, keras_model):
    folder = tmp_path_factory.mktemp("grouped")
    keras_model.save(folder / "grouped.keras")
    rng = np.random.default_rng(8)
    for name, count in (("evaluate", 40), ("calibrate", 20)):
        x, y = rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8), np.arange(count) % 5
        np.savez(folder / f"{name}.npz", x=x, y=y)
    arguments = ("--model", "grouped.keras", "--data", "evaluate.npz", "--calib", "calibrate.npz")
    schemes = ("--schemes", "int8-per-tensor,int8-dynamic,int16x8")
    done = call("export", *arguments, *schemes, cwd=folder)
    assert done.returncode == 0, done.stderr
    return Manifest.read(folder / "artifacts" / "grouped")


@pytest.mark.slow
def test_every_file_of_a_users_model_loads_everywhere_and_is_right(exported):
    assert len(exported.artifacts) == 10
    for artifact in exported.artifacts:
        assert outcomes(artifact.loads_in) == {"ok"}, artifact.name
        assert artifact.fidelity.cosine > 0.999, artifact.name
        if artifact.format == "tflite" and artifact.scheme != "int16x8":
            assert is_one_piece(artifact.partitions), artifact.name
