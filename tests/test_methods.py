"""The search over methods: it stops at its target, keeps the best, and says what each reached."""

import pytest

from models.command_line.errors import RequestError
from quantize.evaluate.output_comparison import compare
from quantize.evaluate.outputs import outputs
from quantize.methods.methods import LEARNED_ROUNDING, METHODS, Calibration
from quantize.methods.plan import Plan
from quantize.methods.search import search
from quantize.training.training_set import TrainingSet


def briefly(images):
    """Eight steps of training on ``images``."""
    return TrainingSet(images, steps=8)


@pytest.fixture(scope="module")
def whole(v1_graph, calibration_images, evaluation_images):
    return search(
        v1_graph,
        Calibration(calibration_images, threads=2, training=briefly(calibration_images)),
        evaluation_images,
        "probabilities",
        Plan(tuple(name for name in METHODS if name != LEARNED_ROUNDING), None),
    )


def test_without_a_target_every_method_is_tried_and_the_best_kept(
    whole, v1_graph, evaluation_images
):
    tried = [result.method for result in whole.tried]
    assert tried == [method for method in METHODS if method in tried] and len(tried) >= 6
    accepted = [step for step in whole.tried if step.accepted]
    assert accepted[0] is whole.tried[0] and whole.chosen is accepted[-1]
    assert whole.chosen.decibels == max(step.decibels for step in accepted)
    for step in whole.tried:
        low, high = step.sqnr_interval_db
        assert low < step.sqnr_db < high
    found = compare(
        outputs(v1_graph, evaluation_images, 1),
        outputs(whole.int8_graph, evaluation_images, 1),
        "softmax",
    )
    assert found.sqnr_db == whole.chosen.sqnr_db
    assert whole.warnings() == ()


def test_it_stops_at_the_first_method_that_reaches_the_target(
    v1_graph, calibration_images, evaluation_images
):
    found = search(
        v1_graph,
        Calibration(calibration_images, threads=2),
        evaluation_images,
        "probabilities",
        Plan(tuple(METHODS), 10.0),
    )
    assert [result.method for result in found.tried] == ["min-max"]
    assert found.made().described["chosen"] == "min-max"


def test_a_target_out_of_reach_is_reported(v1_graph, calibration_images, evaluation_images):
    found = search(
        v1_graph,
        Calibration(calibration_images[:8], threads=1),
        evaluation_images[:16],
        "probabilities",
        Plan(("min-max",), 200.0),
    )
    assert "export.toml asks for 200: min-max is the best of min-max" in found.warnings()[0]


def test_plans_are_read_from_what_was_typed():
    slow = ("learned-rounding", "mixed-precision", "distillation")
    quick = tuple(n for n in METHODS if n not in slow)
    assert Plan.parse("auto", 28.5) == Plan(quick, 28.5)
    assert Plan.parse("auto", 28.5, 1.1) == Plan((*quick, "mixed-precision"), 28.5, 1.1)
    other_order = "min-max,equalization,bias-correction"
    assert Plan.parse(other_order, 28.5).methods == tuple(other_order.split(","))
    assert Plan.parse("min-max,bias-correction", 28.5).methods == ("min-max", "bias-correction")
    assert Plan.parse("auto", 28.5).for_random_weights() == Plan(("min-max",), None)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("magic", "METHODS has 'magic'; expected auto or min-max, and then"),
        ("bias-correction", "METHODS is bias-correction; expected"),
        ("min-max,equalization,equalization", "each once: min-max,bias-correction,equaliz"),
        ("", "METHODS has ''"),
    ],
)
def test_wrong_methods_are_refused(typed, message):
    with pytest.raises(RequestError, match=message):
        Plan.parse(typed, 28.5)


def test_mixed_precision_without_a_budget_is_refused_with_what_to_write():
    with pytest.raises(RequestError, match=r"write max_latency_ratio = 1\.1 under \[int8\] in"):
        Plan.parse("min-max,mixed-precision", 28.5)
    with pytest.raises(RequestError, match="before others; expected it last"):
        Plan.parse("min-max,mixed-precision,equalization", 28.5, 1.2)
    assert Plan.parse("min-max,mixed-precision", 28.5, 1.2).max_latency_ratio == 1.2


def test_layers_that_mobilenets_do_not_have_are_passed_over():
    """Dilation, a depth multiplier, no bias, no ReLU6, an op that no pass knows."""
    import keras
    import numpy as np
    from keras import layers

    from models.keras_files import float_graph
    from quantize.graph.graph import Graph

    keras.utils.set_random_seed(8)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, dilation_rate=2, activation="tanh", padding="same")(image)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="random_normal")(x)
    x = layers.Conv2D(8, 1, use_bias=False, activation="elu")(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(6, use_bias=False)(layers.Flatten()(x))
    model = keras.Model(image, layers.Softmax()(layers.Dense(4)(x)))
    graph = Graph(float_graph.convert(model, 16, 16, 3)).named("image", "probabilities")
    images = np.random.default_rng(9).uniform(-1, 1, (48, 16, 16, 3)).astype(np.float32)
    found = search(
        graph,
        Calibration(images[:32], threads=2, training=briefly(images[:32])),
        images[32:],
        "probabilities",
        Plan(tuple(METHODS), None),
    )
    assert len(found.tried) >= 7 and not found.failures
    assert found.chosen.decibels > 25
    assert all(step.decibels > 20 for step in found.tried)
