"""MobileNetV1: Howard et al. 2017, arXiv 1704.04861, and its form for int8 by Sheng et al. 2018.

A stem, thirteen depthwise separable blocks and a classifier made of a 1x1 convolution. Layers are
named and ordered as in ``keras.applications.MobileNet``, so that its published weights load.
"""

from dataclasses import dataclass
from typing import NamedTuple

from models.networks.channels import truncate
from models.networks.spec import ModelSpec

STEM_CHANNELS = 32


class Row(NamedTuple):
    """One depthwise separable block: channels of its 1x1 convolution, stride of its depthwise."""

    out: int
    stride: int


TABLE = (  # table 1 of the paper
    Row(64, 1),
    Row(128, 2),
    Row(128, 1),
    Row(256, 2),
    Row(256, 1),
    Row(512, 2),
    *[Row(512, 1)] * 5,
    Row(1024, 2),
    Row(1024, 1),
)


@dataclass(frozen=True)
class Variant:
    """The layers between the convolutions of the table.

    ``bare_depthwise``: neither batch norm nor rectifier between depthwise and 1x1 convolution.
    ``ceiling``: of the rectifiers; None for ReLU.
    """

    name: str
    bare_depthwise: bool
    ceiling: float | None


V1 = Variant("mobilenet_v1", bare_depthwise=False, ceiling=6.0)
# Sheng et al. 2018, arXiv 1803.08607: a channel that is nearly constant gets a huge factor from its
# batch norm, which then sets the one int8 scale of all depthwise weights.
QUANT_FRIENDLY = Variant("mobilenet_v1_quant_friendly", bare_depthwise=True, ceiling=None)


def build(spec: ModelSpec, variant: Variant):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm_relu(x, name):
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.ReLU(variant.ceiling, name=f"{name}_relu")(x)

    def block(x, row, i):
        if row.stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = layers.DepthwiseConv2D(
            3,
            strides=row.stride,
            padding="valid" if row.stride == 2 else "same",
            use_bias=False,
            name=f"conv_dw_{i}",
        )(x)
        if not variant.bare_depthwise:
            x = norm_relu(x, f"conv_dw_{i}")
        channels = truncate(row.out * spec.alpha)
        x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        return norm_relu(x, f"conv_pw_{i}")

    def top(x):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(1e-3, name="dropout")(x)
        x = layers.Conv2D(spec.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((spec.classes,), name="reshape_2")(x)
        return layers.Activation(spec.output_activation, name="predictions")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    stem = truncate(STEM_CHANNELS * spec.alpha)
    x = layers.Conv2D(stem, 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = norm_relu(x, "conv1")
    for i, row in enumerate(TABLE, start=1):
        x = block(x, row, i)
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name=variant.name)
