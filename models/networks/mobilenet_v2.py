"""MobileNetV2: Sandler et al. 2018, arXiv 1801.04381.

Inverted residuals with linear bottlenecks. Layers are named and ordered as in
``keras.applications.MobileNetV2``, so that its published weights load.
"""

from typing import NamedTuple

from models.networks.channels import round_to_8
from models.networks.padding import stride2_padding
from models.networks.spec import ModelSpec

STEM_CHANNELS = 32
LAST_CHANNELS = 1280


class Row(NamedTuple):
    """``repeats`` bottlenecks of one width; the first has ``stride``, the others stride 1."""

    expansion: int
    out: int
    repeats: int
    stride: int


TABLE = (  # table 2 of the paper: t, c, n, s
    Row(1, 16, 1, 1),
    Row(6, 24, 2, 2),
    Row(6, 32, 3, 2),
    Row(6, 64, 4, 2),
    Row(6, 96, 3, 1),
    Row(6, 160, 3, 2),
    Row(6, 320, 1, 1),
)


def expansions(spec: ModelSpec) -> tuple[int, ...]:
    """Channels that each bottleneck expands to, for those that expand."""
    found, channels = [], round_to_8(STEM_CHANNELS * spec.alpha)
    for row in TABLE:
        for _ in range(row.repeats):
            found += [row.expansion * channels] if row.expansion > 1 else []
            channels = round_to_8(row.out * spec.alpha)
    return tuple(found)


def build(spec: ModelSpec):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm(x, name):
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def relu6(x, name):
        return layers.ReLU(6.0, name=name)(x)

    def pointwise(x, channels, name):
        return layers.Conv2D(channels, 1, padding="same", use_bias=False, name=name)(x)

    def bottleneck(x, row, stride, i):
        prefix = f"block_{i}_" if i else "expanded_conv_"
        shortcut, channels_in = x, x.shape[-1]
        if row.expansion > 1:
            x = pointwise(x, row.expansion * channels_in, f"{prefix}expand")
            x = relu6(norm(x, f"{prefix}expand_BN"), f"{prefix}expand_relu")
        if stride == 2:
            x = layers.ZeroPadding2D(stride2_padding(x.shape[1], 3), name=f"{prefix}pad")(x)
        x = layers.DepthwiseConv2D(
            3,
            strides=stride,
            padding="valid" if stride == 2 else "same",
            use_bias=False,
            name=f"{prefix}depthwise",
        )(x)
        x = relu6(norm(x, f"{prefix}depthwise_BN"), f"{prefix}depthwise_relu")
        channels_out = round_to_8(row.out * spec.alpha)
        x = norm(pointwise(x, channels_out, f"{prefix}project"), f"{prefix}project_BN")
        if stride == 1 and channels_in == channels_out:
            x = layers.Add(name=f"{prefix}add")([shortcut, x])
        return x

    def top(x):
        x = layers.GlobalAveragePooling2D()(x)
        return layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    stem = round_to_8(STEM_CHANNELS * spec.alpha)
    x = layers.Conv2D(stem, 3, strides=2, padding="same", use_bias=False, name="Conv1")(image)
    x = relu6(norm(x, "bn_Conv1"), "Conv1_relu")
    i = 0
    for row in TABLE:
        for repeat in range(row.repeats):
            x = bottleneck(x, row, row.stride if repeat == 0 else 1, i)
            i += 1
    last = round_to_8(LAST_CHANNELS * max(1.0, spec.alpha))  # never narrower: paper, section 6.1
    x = pointwise(x, last, "Conv_1")
    x = relu6(norm(x, "Conv_1_bn"), "out_relu")
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name="mobilenet_v2")
