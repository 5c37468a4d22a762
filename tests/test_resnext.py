"""ResNeXt-50 is the network of the paper: its sizes, its groups, its costs."""

import numpy as np
import pytest

from models.command_line.errors import RequestError
from models.networks import registry
from models.networks.resnext import CARDINALITY, TABLE
from models.networks.spec import ModelSpec
from models.weights import random_weights

RES = 64  # every layer then has 3.5 times fewer rows and columns than at 224
AT_224 = (224 / RES) ** 2


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.clear_session(free_memory=False)
    made = registry.build(ModelSpec("resnext50", resolution=RES, logits=True))
    random_weights.fill(made)
    yield made
    keras.utils.clear_session(free_memory=False)


def convolutions(model):
    return [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]


def test_the_trainable_parameters_are_those_published(model):
    """torchvision counts parameters, and not the moving statistics of batch norms."""
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 25_028_904
    statistics = sum(int(np.prod(w.shape)) for w in model.non_trainable_weights)
    assert model.count_params() - statistics == 25_028_904


def test_multiply_accumulates_at_224_are_the_4_2_billion_of_the_paper(model):
    spatial = sum(
        layer.output.shape[1] * layer.output.shape[2] * int(np.prod(layer.kernel.shape))
        for layer in convolutions(model)
    )
    assert round((spatial * AT_224 + 2048 * 1000) / 1e9, 1) == 4.2


def test_stages_have_the_sizes_of_the_papers_table(model):
    ends = [
        model.get_layer(f"conv{number}_block{stage.blocks}_out").output.shape[1:]
        for number, stage in enumerate(TABLE, start=2)
    ]
    assert ends == [(16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]
    assert [stage.blocks for stage in TABLE] == [3, 4, 6, 3]


def test_only_the_3x3_convolutions_of_the_blocks_are_grouped_and_strided(model):
    grouped = [layer for layer in convolutions(model) if layer.groups > 1]
    assert len(grouped) == 16 and {layer.groups for layer in grouped} == {CARDINALITY}
    assert {layer.kernel_size for layer in grouped} == {(3, 3)}
    # Channels of one path: 4 in the first stage, as "32x4d" says.
    assert [layer.kernel.shape[2] for layer in grouped] == [4] * 3 + [8] * 4 + [16] * 6 + [32] * 3
    strided = [layer.name for layer in convolutions(model) if layer.strides == (2, 2)]
    blocks = [f"conv{i}_block1_{end}" for i in (3, 4, 5) for end in ("0_conv", "2_conv")]
    assert set(strided) == {"conv1_conv", *blocks}


def test_padding_is_symmetric_as_in_the_authors_code(model):
    pads = [layer for layer in model.layers if type(layer).__name__ == "ZeroPadding2D"]
    assert pads[0].padding == ((3, 3), (3, 3))
    assert all(layer.padding == ((1, 1), (1, 1)) for layer in pads[1:]) and len(pads) == 18
    assert {layer.padding for layer in convolutions(model)} == {"valid"}


def test_layers_are_named_as_in_resnet50_of_keras_applications(model):
    from keras import applications

    expected = applications.ResNet50(weights=None, input_shape=(RES, RES, 3))
    names = [layer.name for layer in expected.layers if layer.weights]
    assert sorted(layer.name for layer in model.layers if layer.weights) == sorted(names)


def test_random_kernels_of_a_group_have_the_fan_in_of_that_group(model):
    for layer in convolutions(model):
        fan_in = int(np.prod(layer.kernel_size)) * layer.input.shape[-1] // layer.groups
        assert np.std(layer.kernel) == pytest.approx(np.sqrt(2 / fan_in), rel=0.05)


def test_random_weights_keep_activations_and_logits_at_a_usual_size(model):
    import keras

    ends = [f"conv{i}_block{s.blocks}_out" for i, s in enumerate(TABLE, start=2)]
    outputs = [model.get_layer(name).output for name in (*ends, "predictions")]
    images = np.random.default_rng(1).uniform(-1, 1, (2, RES, RES, 3)).astype(np.float32)
    for values in keras.Model(model.input, outputs)(images, training=False):
        assert 0.3 < np.std(values) < 10


def test_another_width_is_refused():
    with pytest.raises(RequestError, match=r"ALPHA is 0\.5; resnext50 is defined for ALPHA=1$"):
        registry.check(ModelSpec("resnext50", alpha=0.5))


@pytest.mark.slow
def test_the_smallest_input_and_any_number_of_classes_build(fresh_keras):
    made = registry.build(ModelSpec("resnext50", resolution=32, classes=1))
    assert made.output_shape == (None, 1)
    answers = np.asarray(made(np.ones((1, 32, 32, 3), np.float32), training=False))
    assert ((answers > 0) & (answers < 1)).all()


@pytest.mark.slow
def test_without_a_top_the_last_map_is_the_output(fresh_keras):
    made = registry.build(ModelSpec("resnext50", resolution=33, include_top=False))
    assert made.output_shape == (None, 2, 2, 2048)
