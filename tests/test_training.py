"""Training for int8: it computes what the file computes, comes nearer, and survives faults."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from models.keras_files import float_graph
from quantize.evaluate.judgement import Judge, with_logits, without_logits
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.methods.methods import Calibration, Stage
from quantize.passes import hard_swish
from quantize.ranges.choose_scale import choose_ranges
from quantize.training import fake_quantization, train
from quantize.training.shared_steps import groups
from quantize.training.trainable_int8 import TrainableInt8
from quantize.training.training_set import LearningRates, TrainingSet

SIZE = 16


def images(count, seed=1):
    """Each of a colour of its own, with noise."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(-0.7, 0.7, (count, 1, 1, 3))
    return np.float32(colours + rng.uniform(-0.3, 0.3, (count, SIZE, SIZE, 3)))


def small_network(softmax=True) -> Graph:
    """A network with a shortcut, poolings, an h-swish and, if asked, a softmax."""
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(image)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = layers.Conv2D(8, 1)(y) + x
    x = layers.MaxPooling2D(2)(layers.Activation("hard_swish")(x))
    x = layers.Concatenate()([x, layers.AveragePooling2D(1)(x)])
    dense = layers.Dense(4)
    x = dense(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Softmax()(x) if softmax else x)
    gains = np.float32([1, 10, 2, 20, 5, 1, 1, 1])
    for layer in model.layers[1:3]:  # one step for all channels is coarse for most of them
        kernel, bias = layer.get_weights()
        axis = gains[:, None] if isinstance(layer, layers.DepthwiseConv2D) else gains
        layer.set_weights([kernel * axis, bias])
    logits = keras.Model(image, dense.output).predict(images(64, 9), verbose=0)
    spread = logits.std(axis=0)
    dense.set_weights([dense.get_weights()[0] / spread, -logits.mean(axis=0) / spread])
    return converted(model)


def converted(model) -> Graph:
    made = float_graph.convert(model, SIZE, SIZE, 3)
    return Graph(made).named("image", "outputs")


def stage_of(graph: Graph, calibration: Calibration, per_channel=True, **kept) -> Stage:
    """The min-max int8 form of ``graph``."""
    lowered = hard_swish.lower(graph)
    statistics = calibration.statistics(lowered)
    stage = Stage(lowered, statistics, lowered, per_channel=per_channel, **kept)
    return stage.quantized(choose_ranges(lowered, statistics))


@pytest.fixture(scope="module")
def small():
    graph = small_network()
    return graph, stage_of(graph, Calibration(images(40), 1), per_channel=False)


def trained(small, data, report=lambda *_: None):
    graph, stage = small
    student, teacher = with_logits(stage.int8_graph), with_logits(graph)
    made, notes = train.train(student, stage.graph, teacher, data, True, report)
    return without_logits(made), notes


def data_of(folder, **changed) -> TrainingSet:
    rates = LearningRates(0.05, 0.02, 5e-3)
    return replace(TrainingSet(images(40), None, 24, 8, rates, folder), **changed)


def steps_apart(graph: Graph, stage: Stage, fed) -> np.ndarray:
    """The outputs of the simulation less those of LiteRT, in steps, for each of both."""
    found = outputs(graph, fed, 1)
    simulated = [value.numpy() for value in TrainableInt8(graph, stage.graph, fed).outputs(fed)]
    parts = np.split(found, len(simulated), axis=1)
    steps = [graph.quantization(name).scale[0] for name in graph.outputs]
    pairs = zip(simulated, parts, steps, strict=True)
    return np.concatenate([((one - other) / step).ravel() for one, other, step in pairs])


@pytest.mark.parametrize(
    ("network", "per_channel"),
    [("small", True), ("small", False), ("v1_graph", False), ("v3_graph", True)],
)
def test_it_computes_what_the_file_computes(
    network, per_channel, request, calibration_images, evaluation_images
):
    graph, seen, fed = small_network(), images(32), images(32, 2)
    if network != "small":
        graph = request.getfixturevalue(network)
        seen, fed = calibration_images, evaluation_images[:48]
    stage = stage_of(graph, Calibration(seen, 2), per_channel)
    found = np.abs(steps_apart(with_logits(stage.int8_graph), stage, fed))
    # A value in a million lies between two steps, and changes the outputs of its image.
    assert (found < 0.01).mean() > 0.99


def test_operators_that_are_float_in_the_file_are_float_here(small):
    graph, stage = small
    kept = frozenset({o[0] for kind, _, o in stage.graph.operators() if kind == "ADD"})
    stage = stage_of(graph, Calibration(images(40), 1), kept_float=kept)
    assert "DEQUANTIZE" in stage.int8_graph.op_histogram
    found = np.abs(steps_apart(stage.int8_graph, stage, images(32, 2)))
    assert (found < 0.01).mean() > 0.99


def test_what_was_not_trained_is_stored_as_it_was(small):
    _, stage = small
    untouched = TrainableInt8(stage.int8_graph, stage.graph, images(8)).trained()
    fed = images(32, 2)
    np.testing.assert_array_equal(outputs(untouched, fed, 1), outputs(stage.int8_graph, fed, 1))


def test_the_file_is_what_was_trained_and_nearer_to_the_float_network(small, tmp_path):
    graph, stage = small
    rates = LearningRates(0.2, 0.05, 5e-3)
    data = data_of(tmp_path, images=images(400), steps=240, batch=16, rates=rates)
    made, notes = trained(small, data)
    assert notes == () and not list(tmp_path.iterdir())
    judge = Judge(graph, images(200, 5), "softmax", (), 1)
    before, after = judge.judged(stage.int8_graph), judge.judged(made)
    assert after.distances[:, 0].mean() < 0.7 * before.distances[:, 0].mean()
    found = np.abs(steps_apart(with_logits(made), stage, images(32, 2)))
    assert (found < 0.01).mean() > 0.99
    changed = [
        made.quantization(name).scale[0] / stage.int8_graph.quantization(name).scale[0]
        for name in stage.ranges
    ]
    assert max(np.abs(np.log(changed))) > 1e-3


def test_a_softmax_keeps_its_step_and_what_passes_values_on_shares_its_input_s(small):
    graph = small[1].int8_graph
    found = groups(graph)
    kinds = {outputs[0]: kind for kind, _, outputs in graph.operators()}
    assert graph.outputs[0] not in {name for names in found for name in names}
    together = [{kinds.get(name) for name in names} for names in found]
    assert {"QUANTIZE", "CONCATENATION"} in together
    assert any({"MUL", "MAX_POOL_2D", "AVERAGE_POOL_2D"} <= kinds for kinds in together)
    assert sorted(name for names in found for name in names) == sorted(
        name for name in graph.activations
        if graph.quantization(name) and kinds.get(name) != "SOFTMAX"
    )  # fmt: skip


def test_gradients_of_a_rounding():
    """Of a value within the range 1; of the step its rounding error, in steps, or where the range
    ends; of a weight always 1."""
    import tensorflow as tf

    values, step = tf.constant([0.3, -0.26, 500.0, -500.0]), tf.constant(0.5)
    for number, (of_value, of_step) in enumerate(
        [(1, 1 - 0.6), (1, -1 + 0.52), (0, 127 - 3), (0, -128 - 3)]
    ):
        with tf.GradientTape() as tape:
            tape.watch([values, step])
            found = fake_quantization.activation(values, step, 3.0)
            slopes = tape.gradient(found[number], [values, step])
        assert slopes[0].numpy()[number] == of_value
        assert slopes[1].numpy() == pytest.approx(of_step, abs=1e-5)
    weights = tf.Variable([0.4, 130.0])
    with tf.GradientTape() as tape:
        found = fake_quantization.weights(weights)
    np.testing.assert_array_equal(found, [0, 127])
    np.testing.assert_array_equal(tape.gradient(found, weights), [1, 1])


def test_an_interrupted_training_goes_on_where_it_stopped(small, tmp_path):
    whole, _ = trained(small, data_of(tmp_path / "whole"))

    def interrupt(doing, done, total):
        assert doing.startswith("distillation") and total == 24
        if done == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(small, data_of(tmp_path), interrupt)
    (kept,) = tmp_path.glob("*.npz")
    taken = []
    made, _ = trained(small, data_of(tmp_path), lambda doing, done, total: taken.append(done))
    assert taken[0] in (13, 14) and taken[-1] == 24
    assert made.content == whole.content and not kept.exists()


def test_fewer_steps_than_are_done_take_the_best_so_far(small, tmp_path):
    def interrupt(doing, done, total):
        if done == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(small, data_of(tmp_path), interrupt)
    taken = []
    made, _ = trained(small, data_of(tmp_path, steps=5), lambda *told: taken.append(told))
    assert taken == [] and made.content != small[1].int8_graph.content


def test_half_a_file_of_an_earlier_training_is_none(small, tmp_path):
    saved = train.SavedTraining(data_of(tmp_path), small[0])
    saved.write(train.Progress(3, [np.ones(4)], [np.ones(4)], 2, 0.5))
    assert saved.read().best_step == 2
    saved.path.write_bytes(saved.path.read_bytes()[:300])
    assert saved.read() is None


def test_a_value_that_is_not_finite_ends_it_with_the_best_until_then(small, tmp_path):
    """Ranges that explode: their steps are infinite."""
    rates = LearningRates(0.1, 0.05, 1e4)
    made, (note,) = trained(small, data_of(tmp_path, rates=rates))
    stopped = "training stopped after"
    assert note.startswith(stopped) and "of 24 steps, as" in note and "is not finite" in note
    name = note.split(", as ")[1].split(" is not finite")[0]
    assert name in small[1].int8_graph or name == "the gradient of the loss"
    assert np.isfinite(outputs(made, images(8, 2), 1)).all()


def test_without_memory_it_takes_fewer_images_at_a_time(small, tmp_path, monkeypatch):
    import tensorflow as tf

    batches, draw = [], TrainingSet.drawn

    def drawn(data, step):
        batches.append(data.batch)
        if data.batch > 4:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        return draw(data, step)

    monkeypatch.setattr(TrainingSet, "drawn", drawn)
    _, notes = trained(small, data_of(tmp_path, steps=4, batch=16))
    assert batches == [16, 8, 4, 4, 4, 4]
    assert notes == ("memory ran out in training: 4 images a step",)
    monkeypatch.setattr(TrainingSet, "drawn", lambda data, step: drawn(replace(data, batch=8), 0))
    with pytest.raises(MemoryError, match="one image at a time"):
        trained(small, data_of(tmp_path, steps=4, batch=1))


def test_labels_are_learned_where_they_are_given(small, tmp_path):
    """Labels that say the opposite of what the float network says."""
    graph, stage = small
    fed = images(64)
    labels = outputs(graph, fed, 1).argmin(axis=1)
    rates = LearningRates(2.0, 2.0, 1e-2)
    data = data_of(tmp_path, images=fed, labels=labels, steps=150, batch=16, rates=rates)
    made, _ = trained(small, data)
    chosen = data.held_out
    right = [
        (outputs(one, fed[chosen], 1).argmax(axis=1) == labels[chosen]).mean()
        for one in (stage.int8_graph, made)
    ]
    assert right[1] > right[0] + 0.3, right


def test_each_image_is_drawn_once_a_round_and_none_of_the_held_out():
    data = TrainingSet(images(50), batch=8)
    rounds = np.concatenate([data.drawn(step) for step in range(10)])
    assert len(data.trained_on) == 40 and not set(rounds) & set(data.held_out)
    assert sorted(rounds[:40]) == sorted(rounds[40:]) == sorted(data.trained_on)
    assert not np.array_equal(rounds[:40], rounds[40:])
