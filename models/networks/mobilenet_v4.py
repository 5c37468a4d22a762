"""MobileNetV4-Conv Small and Medium: Qin et al. 2024, arXiv 2404.10518.

Widths, strides and activations are those of the authors' code, ``mobilenet.py`` of the TensorFlow
model garden. Counting the weights that are trained, Small has 3.77 million of them and Medium 9.72.
"""

from dataclasses import dataclass
from typing import NamedTuple

from models.networks.channels import round_to_8
from models.networks.residual import branch_gamma
from models.networks.spec import ModelSpec

STEM_CHANNELS = 32
HEAD_CHANNELS = 960
LAST_CHANNELS = 1280


class Conv(NamedTuple):
    """A convolution with batch norm and ReLU."""

    kernel: int
    out: int
    stride: int


class FusedBottleneck(NamedTuple):
    """An inverted bottleneck that expands by a convolution of ``kernel`` instead of a depthwise."""

    kernel: int
    expansion: int
    out: int
    stride: int


class Bottleneck(NamedTuple):
    """The universal inverted bottleneck: kernels of its two depthwise convolutions, 0 for none.

    ``start`` is before the expansion and has no activation; ``middle`` is after it and has the
    block's stride. The paper calls the four forms ExtraDW (both), IB (middle), ConvNext (start) and
    FFN (neither).
    """

    start: int
    middle: int
    expansion: int
    out: int
    stride: int


Row = Conv | FusedBottleneck | Bottleneck

CONV_SMALL = (  # the paper's table of MNv4-Conv-S, without stem and head
    Conv(3, 32, 2),
    Conv(1, 32, 1),
    Conv(3, 96, 2),
    Conv(1, 64, 1),
    Bottleneck(5, 5, 3, 96, 2),
    *[Bottleneck(0, 3, 2, 96, 1)] * 4,
    Bottleneck(3, 0, 4, 96, 1),
    Bottleneck(3, 3, 6, 128, 2),
    Bottleneck(5, 5, 4, 128, 1),
    Bottleneck(0, 5, 4, 128, 1),
    Bottleneck(0, 5, 3, 128, 1),
    *[Bottleneck(0, 3, 4, 128, 1)] * 2,
)

CONV_MEDIUM = (  # the paper's table of MNv4-Conv-M, without stem and head
    FusedBottleneck(3, 4, 48, 2),
    Bottleneck(3, 5, 4, 80, 2),
    Bottleneck(3, 3, 2, 80, 1),
    Bottleneck(3, 5, 6, 160, 2),
    *[Bottleneck(3, 3, 4, 160, 1)] * 2,
    Bottleneck(3, 5, 4, 160, 1),
    Bottleneck(3, 3, 4, 160, 1),
    Bottleneck(3, 0, 4, 160, 1),
    Bottleneck(0, 0, 2, 160, 1),
    Bottleneck(3, 0, 4, 160, 1),
    Bottleneck(5, 5, 6, 256, 2),
    Bottleneck(5, 5, 4, 256, 1),
    *[Bottleneck(3, 5, 4, 256, 1)] * 2,
    Bottleneck(0, 0, 4, 256, 1),
    Bottleneck(3, 0, 4, 256, 1),
    Bottleneck(3, 5, 2, 256, 1),
    Bottleneck(5, 5, 4, 256, 1),
    *[Bottleneck(0, 0, 4, 256, 1)] * 2,
    Bottleneck(5, 0, 2, 256, 1),
)


@dataclass(frozen=True)
class Variant:
    """A table with a name; stem and head are the same for all."""

    name: str
    table: tuple[Row, ...]

    @property
    def branch_gamma(self) -> float:
        """The gamma that the last batch norm of a residual branch starts with."""
        return branch_gamma(sum(isinstance(r, Bottleneck) and r.stride == 1 for r in self.table))


V4_CONV_SMALL = Variant("mobilenet_v4_conv_small", CONV_SMALL)
V4_CONV_MEDIUM = Variant("mobilenet_v4_conv_medium", CONV_MEDIUM)


def expansions(spec: ModelSpec, variant: Variant) -> tuple[int, ...]:
    """Channels that each bottleneck with a depthwise after a 1x1 expansion expands to."""
    found, channels = [], round_to_8(STEM_CHANNELS * spec.alpha)
    for row in variant.table:
        channels_in, channels = channels, round_to_8(row.out * spec.alpha)
        if isinstance(row, Bottleneck) and row.middle:
            expanded = round_to_8(channels_in * row.expansion)
            found += [expanded] if expanded > max(channels_in, channels) else []
    return tuple(found)


def build(spec: ModelSpec, variant: Variant):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def width(channels):
        return round_to_8(channels * spec.alpha)

    def norm(x, name, gamma=1.0):
        initial = keras.initializers.Constant(gamma)
        return layers.BatchNormalization(
            epsilon=1e-3, gamma_initializer=initial, name=f"{name}_bn"
        )(x)

    def norm_relu(x, name):
        return layers.ReLU(name=f"{name}_relu")(norm(x, name))

    def conv(x, channels, name, kernel=1, stride=1):
        conv2d = layers.Conv2D(
            channels, kernel, strides=stride, padding="same", use_bias=False, name=name
        )
        return conv2d(x)

    def depthwise(x, kernel, stride, name):
        convolution = layers.DepthwiseConv2D(
            kernel, strides=stride, padding="same", use_bias=False, name=name
        )
        return convolution(x)

    def conv_block(x, row, prefix):
        x = conv(x, width(row.out), f"{prefix}conv", row.kernel, row.stride)
        return norm_relu(x, f"{prefix}conv")

    def expand(x, row, prefix, kernel=1, stride=1):
        channels = round_to_8(x.shape[-1] * row.expansion)
        return norm_relu(conv(x, channels, f"{prefix}expand", kernel, stride), f"{prefix}expand")

    def project(x, row, prefix, shortcut):
        channels = width(row.out)
        residual = row.stride == 1 and shortcut.shape[-1] == channels
        gamma = variant.branch_gamma if residual else 1.0
        x = norm(conv(x, channels, f"{prefix}project"), f"{prefix}project", gamma)
        if residual:
            x = layers.Add(name=f"{prefix}add")([shortcut, x])
        return x

    def fused_bottleneck(x, row, prefix):
        return project(expand(x, row, prefix, row.kernel, row.stride), row, prefix, x)

    def bottleneck(x, row, prefix):
        shortcut = x
        if row.start:
            name = f"{prefix}start_depthwise"
            x = norm(depthwise(x, row.start, 1, name), name)
        x = expand(x, row, prefix)
        if row.middle:
            name = f"{prefix}depthwise"
            x = norm_relu(depthwise(x, row.middle, row.stride, name), name)
        return project(x, row, prefix, shortcut)

    def top(x):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        # Never narrower, as in MobileNetV2.
        last = round_to_8(LAST_CHANNELS * max(1.0, spec.alpha))
        x = norm_relu(conv(x, last, "conv_2"), "conv_2")
        x = layers.Flatten()(x)
        return layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)

    blocks = {Conv: conv_block, FusedBottleneck: fused_bottleneck, Bottleneck: bottleneck}
    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    x = norm_relu(conv(image, width(STEM_CHANNELS), "conv", 3, 2), "conv")
    for i, row in enumerate(variant.table, start=1):
        x = blocks[type(row)](x, row, f"block_{i}_")
    x = norm_relu(conv(x, width(HEAD_CHANNELS), "conv_1"), "conv_1")
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name=variant.name)
