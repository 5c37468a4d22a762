"""Observers: which range they choose from what was seen."""

import dataclasses

import numpy as np
import pytest

from models.command_line.errors import RequestError
from quantize.passes import hard_swish
from quantize.passes.layer import quantized_images
from quantize.ranges import observers
from quantize.ranges.bounds import gates_of
from quantize.ranges.calibration import Activation, calibrate, softmax_inputs
from quantize.ranges.choose_scale import choose_ranges, fisher_ranges
from quantize.ranges.histogram import count
from quantize.ranges.observers import OBSERVERS
from quantize.ranges.value_range import Range
from quantize.schemes import int8


def activation(images):
    """Statistics of an activation of one channel with the values [images, values]."""
    images = np.asarray(images, np.float32)
    low, high = images.min(axis=1), images.max(axis=1)
    return Activation(low, high, low.min(), high.max(), count(images), None)


def bell_curve():
    values = np.random.default_rng(2).normal(0, 1, 1_000_000)
    values[300_007] = 20
    return values


@pytest.fixture(scope="module")
def outlying():
    """A bell curve of a million values, and one value far out."""
    return activation(bell_curve().reshape(10, -1))


def quantized(values, chosen):
    step = (chosen.maximum - chosen.minimum) / 255
    return np.rint((np.clip(values, chosen.minimum, chosen.maximum)) / step) * step


def test_min_max_takes_everything_in(outlying):
    assert observers.min_max(outlying).maximum == 20


def test_a_moving_average_follows_the_images_with_momentum():
    found = observers.moving_average(activation([[-1, 0], [-1, 10], [-1, 10]]))
    assert found == Range(-1.0, pytest.approx(10 * (1 - 0.95**2)))


def test_a_percentile_cuts_off_as_much_above_as_below(outlying):
    found = observers.percentile(outlying)
    assert 3.4 < found.maximum < 4.4  # 99.995 % of a bell curve are below 3.89
    assert -4.4 < found.minimum < -3.4


@pytest.mark.parametrize("observer", ["mse", "entropy"])
def test_rare_outliers_do_not_cost_all_others_their_steps(outlying, observer):
    found = OBSERVERS[observer](outlying)
    assert 2.5 < found.maximum < 8 and -8 < found.minimum < -2.5


def test_mse_is_no_worse_than_any_other_observer(outlying):
    values = bell_curve()

    def error(observer):
        chosen = OBSERVERS[observer](outlying)
        return np.mean((quantized(values, chosen) - values) ** 2)

    assert error("mse") <= 1.05 * min(error(name) for name in OBSERVERS)


def test_a_relu6_ends_where_its_data_end_and_never_above_6(v1_graph, v1_statistics):
    for observer in OBSERVERS:
        chosen = choose_ranges(v1_graph, v1_statistics, observer)
        for name, found in chosen.items():
            if "relu" in name.lower():
                assert 0 <= found.minimum <= found.maximum <= 6
                assert found.maximum <= v1_statistics[name].maxima.max()


def test_an_h_swish_keeps_its_negative_tail(v3_graph, calibration_images):
    lowered = hard_swish.lower(v3_graph)
    for graph, lowest in ((v3_graph, -0.375), (lowered, 6 * -0.375)):
        statistics = calibrate(graph, (i[None] for i in calibration_images), threads=2)
        chosen = choose_ranges(graph, statistics, "percentile")
        tails = [chosen[o[0]].minimum for k, _, o in graph.operators() if k == "HARD_SWISH"]
        if graph is lowered:
            tails = [r.minimum for n, r in chosen.items() if n in products(lowered)]
        assert len(tails) > 15
        assert min(tails) == pytest.approx(lowest, rel=1e-3)
        assert all(lowest <= tail for tail in tails)


def products(graph):
    """Outputs of x * relu6(x + 3)."""
    sums = {o[0]: i[0] for k, i, o in graph.operators() if k == "ADD"}
    return {o[0] for k, i, o in graph.operators() if k == "MUL" and sums.get(i[1]) == i[0]}


def test_logits_are_cut_where_the_softmax_does_not_look():
    """Finer steps for the logits that count, so less error after the softmax."""
    rows = np.random.default_rng(6).normal(0, 3, (100, 1000)).astype(np.float32)
    rows[:, 5] += 14
    seen = dataclasses.replace(activation(rows), rows=rows)
    whole, chosen = observers.min_max(seen), observers.softmax(seen)
    assert chosen.maximum == whole.maximum and chosen.minimum > whole.minimum + 3

    def error(found):
        return np.sum((observers._softmax(quantized(rows, found)) - observers._softmax(rows)) ** 2)

    assert error(chosen) < 0.8 * error(whole)


def test_only_logits_are_cut_and_only_where_asked(v1_graph, v1_statistics):
    plain = choose_ranges(v1_graph, v1_statistics)
    cut = choose_ranges(v1_graph, v1_statistics, after_softmax=True)
    changed = {name for name in plain if plain[name] != cut[name]}
    assert changed and changed <= softmax_inputs(v1_graph)


def test_only_the_input_of_a_softmax_is_kept_row_by_row(v1_graph, v1_statistics):
    kept = [name for name, found in v1_statistics.items() if found.rows is not None]
    readers = [i[0] for kind, i, _ in v1_graph.operators() if kind == "SOFTMAX"]
    assert set(readers) <= set(kept) and len(kept) <= 2


def test_an_unknown_observer_names_the_known_ones(v1_graph, v1_statistics):
    with pytest.raises(RequestError, match="observer is 'best'; expected one of: min-max"):
        choose_ranges(v1_graph, v1_statistics, "best")


def h_swish_graph():
    """A layer, h-swish on what it makes, and a gate on the mean of that."""
    import keras
    from keras import layers

    from models.keras_files import float_graph
    from quantize.graph.graph import Graph

    keras.utils.set_random_seed(5)
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, kernel_initializer=keras.initializers.RandomNormal(0, 3))(image)
    x = layers.Activation("hard_swish")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Activation("tanh")(layers.Conv2D(6, 1)(gate - 1)) * 5
    x = layers.Multiply()([x, layers.ReLU(6)(gate + 3)])
    x = layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return Graph(float_graph.convert(keras.Model(image, x), 8, 8, 3)).named("image", "softmax")


def test_what_h_swish_and_gates_take_for_the_same_is_cut_off_on_a_step():
    """Where the last step is short of -3, all that lies below would become a product of its own."""
    graph = hard_swish.lower(h_swish_graph())
    images = np.random.default_rng(3).uniform(-1, 1, (16, 1, 8, 8, 3)).astype(np.float32)
    statistics = calibrate(graph, images, 1)
    chosen = choose_ranges(graph, statistics)
    read = [i[0] for kind, act, i, _ in graph.fused_operators() if (kind, act) == ("ADD", "RELU6")]
    whole = [statistics[name].minima.min() for name in read]
    assert len(read) == 2 and min(whole) < -3.5
    ends = [statistics[name].maxima.max() for name in read]
    for name, lowest, highest in zip(read, whole, ends, strict=True):
        found = chosen[name]
        if lowest >= -3:
            continue
        step = (found.maximum - found.minimum) / 255
        assert -3 - 2 * step < found.minimum <= -3 + 1e-6
        assert found.minimum / step == pytest.approx(round(found.minimum / step), abs=1e-6)
        is_gate = name != read[0]
        assert found.maximum >= min(highest, 3 if is_gate else np.inf) - 1e-6
        assert not is_gate or found.maximum < 3 + 2 * step


def test_an_activation_that_others_read_too_keeps_its_range():
    graph = hard_swish.lower(h_swish_graph())
    images = np.random.default_rng(3).uniform(-1, 1, (16, 1, 8, 8, 3)).astype(np.float32)
    model = graph.unpacked()
    (first, *_) = [o.inputs[0] for o in model.subgraphs[0].operators if len(o.inputs) == 2]
    model.subgraphs[0].outputs = np.asarray([*model.subgraphs[0].outputs, first], np.int32)
    shown = type(graph).packed(model)
    statistics = calibrate(shown, images, 1)
    name = model.subgraphs[0].tensors[first].name.decode()
    found, lowest = choose_ranges(shown, statistics)[name], statistics[name].minima.min()
    step = (found.maximum - found.minimum) / 255
    assert found.minimum <= lowest < found.minimum + step and lowest < -3


def test_the_sum_of_an_h_swish_rounds_nothing():
    graph = hard_swish.lower(h_swish_graph())
    fed = np.random.default_rng(3).uniform(-1, 1, (16, 8, 8, 3)).astype(np.float32)
    statistics = calibrate(graph, (image[None] for image in fed), 1)
    made = int8.quantize(graph, choose_ranges(graph, statistics))
    pairs = gates_of(graph)
    assert len(pairs) == 2
    interpreter = made.interpreter(1, keep_activations=True)
    index = {one["name"]: one["index"] for one in interpreter.get_tensor_details()}
    for image in quantized_images(made, fed):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        for gate, x in pairs.items():
            values, gates = (
                (interpreter.get_tensor(index[name]).astype(np.float64) - affine.zero_point)
                * affine.scale
                for name in (x.input, gate)
                for affine in [made.quantization(name)]
            )
            np.testing.assert_allclose(gates, np.clip(values + 3, 0, 6), atol=1e-5)


def test_ranges_by_effect_cut_off_what_changes_nothing():
    """Two bell curves: values far out that matter are kept, those that do not are cut off."""
    graph = hard_swish.lower(h_swish_graph())
    images = np.random.default_rng(3).uniform(-1, 1, (16, 1, 8, 8, 3)).astype(np.float32)
    statistics = calibrate(graph, images, 1)
    name = next(o[0] for kind, _, o in graph.operators() if kind == "MEAN")
    outlying = dataclasses.replace(activation(bell_curve().reshape(10, -1)), mean=None)
    known = {**statistics, name: outlying}
    counts = outlying.histogram.counts.astype(np.float64)
    inside = np.abs(outlying.histogram.centers) < 5
    weighted = {
        "dull": dataclasses.replace(outlying.histogram, counts=counts * inside),
        "telling": dataclasses.replace(
            outlying.histogram, counts=counts * np.where(inside, 1, 1e6)
        ),
    }
    found = {
        kind: fisher_ranges(graph, known, {name: histogram})[name].maximum
        for kind, histogram in weighted.items()
    }
    assert found["dull"] < 8 and found["telling"] > 19
    others = {n: r for n, r in fisher_ranges(graph, known, {}).items() if n != name}
    wanted = choose_ranges(graph, statistics, after_softmax=True)
    assert others == {n: r for n, r in wanted.items() if n != name}
