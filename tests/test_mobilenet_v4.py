"""MobileNetV4-Conv against the paper's tables and against its blocks written out in plain ops."""

import numpy as np
import pytest
from commands import outcomes
from in_process import call

from export.artifact import Manifest
from models.networks import registry
from models.networks.mobilenet_v4 import (
    V4_CONV_MEDIUM,
    V4_CONV_SMALL,
    Bottleneck,
    Conv,
    FusedBottleneck,
)
from models.networks.spec import ModelSpec
from models.weights import random_weights
from quantize.methods.methods import DISTILLATION, METHODS, MIXED_PRECISION

VARIANTS = {"v4-conv-small": V4_CONV_SMALL, "v4-conv-medium": V4_CONV_MEDIUM}
FLOAT16_MAX = 65504

# Side and channels after the stem and each row at the papers' 224 and 256 pixels.
STAGES = {
    "v4-conv-small": (
        [(112, 32), (56, 32), (56, 32), (28, 96), (28, 64)] + [(14, 96)] * 6 + [(7, 128)] * 6
    ),
    "v4-conv-medium": (
        [(128, 32), (64, 48), (32, 80), (32, 80)] + [(16, 160)] * 8 + [(8, 256)] * 11
    ),
}


@pytest.fixture(scope="module")
def published():
    """Both networks as the paper has them: its resolution, width 1, 1000 classes."""
    import keras

    keras.utils.clear_session(free_memory=False)
    return {
        arch: registry.build(ModelSpec(arch, resolution=registry.ARCHITECTURES[arch].resolution))
        for arch in VARIANTS
    }


def built(arch, **wanted):
    return registry.build(ModelSpec(arch, **wanted))


def readers(layer):
    """The layers that read ``layer``."""
    return [node.operation for node in layer.output._keras_history.operation._outbound_nodes]


def randomized(model, seed=0):
    """``model`` with weights and batch norm statistics all unlike those it starts with."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "kernel" in weight.name:
            depthwise = "depthwise" in weight.path
            fan_in = np.prod(weight.shape[: 2 if depthwise else -1])
            weight.assign(rng.normal(0, np.sqrt(1.5 / fan_in), weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return model


def written_out(model, table, image):
    """The rows of ``table`` for ``image``, in TensorFlow's own ops, up to the classes."""
    import tensorflow as tf

    def normed(x, name, rectified):
        norm = model.get_layer(f"{name}_bn")
        scale = norm.gamma.value / tf.sqrt(norm.moving_variance.value + 1e-3)
        x = (x - norm.moving_mean.value) * scale + norm.beta.value
        return tf.maximum(x, 0.0) if rectified else x

    def conv(x, name, stride=1, rectified=True):
        kernel = model.get_layer(name).kernel.value
        return normed(tf.nn.conv2d(x, kernel, stride, "SAME"), name, rectified)

    def depthwise(x, name, stride, rectified):
        kernel, strides = model.get_layer(name).kernel.value, (1, stride, stride, 1)
        return normed(tf.nn.depthwise_conv2d(x, kernel, strides, "SAME"), name, rectified)

    def block(x, row, name):
        if isinstance(row, Conv):
            return conv(x, f"{name}_conv", row.stride)
        shortcut = x
        if isinstance(row, FusedBottleneck):
            x = conv(x, f"{name}_expand", row.stride)
        else:
            if row.start:
                x = depthwise(x, f"{name}_start_depthwise", 1, rectified=False)
            x = conv(x, f"{name}_expand")
            if row.middle:
                x = depthwise(x, f"{name}_depthwise", row.stride, rectified=True)
        x = conv(x, f"{name}_project", rectified=False)
        return x + shortcut if shortcut.shape == x.shape else x

    x = conv(image, "conv", 2)
    for i, row in enumerate(table, start=1):
        x = block(x, row, f"block_{i}")
    x = tf.reduce_mean(conv(x, "conv_1"), (1, 2), keepdims=True)
    x = tf.reshape(conv(x, "conv_2"), (len(image), -1))
    head = model.get_layer("predictions")
    return np.asarray(x @ head.kernel.value + head.bias.value)


@pytest.mark.parametrize(("arch", "size"), [("v4-conv-small", 64), ("v4-conv-medium", 75)])
def test_each_row_computes_what_the_paper_says(arch, size):
    model = randomized(built(arch, alpha=0.25, resolution=size, classes=7, logits=True))
    images = np.random.default_rng(1).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    expected = written_out(model, VARIANTS[arch].table, images)
    got = np.asarray(model(images, training=False))
    assert np.ptp(expected, axis=0).max() > 1e-2, "answers all alike would prove nothing"
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("arch", "trained"), [("v4-conv-small", 3_774_024), ("v4-conv-medium", 9_715_512)]
)
def test_as_many_weights_are_trained_as_published(published, arch, trained):
    counted = sum(np.prod(weight.shape) for weight in published[arch].trainable_weights)
    assert counted == trained


@pytest.mark.parametrize(
    ("arch", "macs", "papers"),
    [("v4-conv-small", 186_005_568, 0.2), ("v4-conv-medium", 1_080_244_224, 1.0)],
)
def test_multiply_accumulates_are_those_of_the_paper(published, arch, macs, papers):
    """Counted: each kernel value once for each output pixel, padding too; no biases, no adds."""
    counted = 0
    for layer in published[arch].layers:
        if getattr(layer, "kernel", None) is not None:
            counted += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))
    assert counted == macs
    assert round(macs / 2**30, 1) == papers


def test_mediums_folded_weights_are_the_papers_9_2_million(published):
    """The paper's millions are 2**20, as its giga is 2**30; biases stand for the batch norms."""
    model = published["v4-conv-medium"]
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    folded = sum(np.prod(w.shape) for w in model.trainable_weights)
    folded -= sum(norm.gamma.shape[0] for norm in norms)
    assert round(folded / 2**20, 1) == 9.2


@pytest.mark.parametrize("arch", VARIANTS)
def test_every_row_has_the_size_and_width_of_the_papers_table(published, arch):
    ends = {layer.name.split("_")[1]: layer for layer in published[arch].layers
            if layer.name.startswith("block_")}  # fmt: skip
    found = [published[arch].get_layer("conv_relu"), *ends.values()]
    assert [tuple(end.output.shape[2:]) for end in found] == STAGES[arch]
    assert published[arch].get_layer("conv_1").output.shape[-1] == 960
    assert published[arch].get_layer("conv_2").output.shape[1:] == (1, 1, 1280)


@pytest.mark.parametrize("arch", VARIANTS)
def test_the_middle_depthwise_has_the_stride_and_the_start_has_no_activation(published, arch):
    model = published[arch]
    for i, row in enumerate(VARIANTS[arch].table, start=1):
        if isinstance(row, Bottleneck) and row.start:
            start = model.get_layer(f"block_{i}_start_depthwise")
            assert start.strides == (1, 1)
            (norm,) = readers(start)
            assert [layer.name for layer in readers(norm)] == [f"block_{i}_expand"]
        if isinstance(row, Bottleneck) and row.stride == 2:
            assert model.get_layer(f"block_{i}_depthwise").strides == (2, 2)
    rectifiers = [layer for layer in model.layers if type(layer).__name__ == "ReLU"]
    assert {layer.max_value for layer in rectifiers} == {None}


@pytest.mark.slow
def test_widths_are_multiples_of_eight_and_the_last_is_never_narrower():
    def widths(alpha):
        model = built("v4-conv-small", alpha=alpha, resolution=32)
        names = ("conv", "block_4_conv", "block_5_expand", "block_5_project", "conv_1", "conv_2")
        return [model.get_layer(name).filters for name in names]

    assert widths(0.35) == [16, 24, 72, 32, 336, 1280]
    assert widths(1.4) == [48, 88, 264, 136, 1344, 1792]


@pytest.mark.parametrize(
    ("arch", "alpha", "size", "classes"),
    [
        ("v4-conv-medium", 0.1, 32, 1),
        pytest.param("v4-conv-small", 1.4, 512, 2, marks=pytest.mark.slow),
        pytest.param("v4-conv-medium", 0.02, 33, 1000, marks=pytest.mark.slow),
    ],
)
def test_any_width_size_and_number_of_classes_builds(arch, alpha, size, classes):
    model = built(arch, alpha=alpha, resolution=size, classes=classes)
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, classes)
    assert model.layers[-1].activation.__name__ == ("sigmoid" if classes == 1 else "softmax")


@pytest.mark.parametrize("arch", VARIANTS)
def test_without_its_top_a_network_ends_in_its_last_map(arch):
    model = built(arch, resolution=64, include_top=False)
    assert model.output_shape == (None, 2, 2, 960)


@pytest.mark.slow
def test_activations_of_random_weights_are_far_from_the_end_of_float16():
    import keras

    model = built("v4-conv-medium", resolution=64, classes=10, logits=True)
    random_weights.fill(model)
    ends = [layer.output for layer in model.layers if type(layer).__name__ in ("Add", "ReLU")]
    images = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    outputs = keras.Model(model.input, [*ends, model.output])(images, training=False)
    largest = max(np.abs(output).max() for output in outputs)
    assert largest < FLOAT16_MAX / 100
    assert np.std(outputs[-1]) > 0.1, "nor may they die out"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "methods"),
    [
        ("v4-conv-small", ",".join(n for n in METHODS if n not in (MIXED_PRECISION, DISTILLATION))),
        ("v4-conv-medium", "min-max"),  # of the same kinds of layers
    ],
    ids=list(VARIANTS),
)
def test_six_files_are_made_by_every_method_and_loaded_by_every_runtime(tmp_path, arch, methods):
    small = ("--alpha", 0.1, "--res", 32, "--classes", 10, "--n-calib", 16)
    kept = ("--keep-float", "block_12_expand,block_12_start_depthwise")
    done = call("export", "--arch", arch, *small, *kept, "--methods", methods, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = Manifest.read(tmp_path / "artifacts" / f"{arch}-0.1-32-random")
    assert len(made.artifacts) == 6
    assert made.int8["methods"] is not None
    for artifact in made.artifacts:
        assert outcomes(artifact.loads_in) == {"ok"}, artifact.name
