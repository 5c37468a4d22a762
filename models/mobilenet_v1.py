"""MobileNetV1: Howard et al. 2017, arXiv 1704.04861.

A stem, thirteen depthwise separable blocks and a classifier made of a 1x1 convolution. Layers are
named and ordered as in ``keras.applications.MobileNet``, so that its published weights load.
"""

from typing import NamedTuple

from models.channels import truncate
from models.spec import ModelSpec

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


def build(spec: ModelSpec):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm_relu6(x, name):
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x)

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
        x = norm_relu6(x, f"conv_dw_{i}")
        channels = truncate(row.out * spec.alpha)
        x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        return norm_relu6(x, f"conv_pw_{i}")

    def top(x):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(1e-3, name="dropout")(x)
        x = layers.Conv2D(spec.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((spec.classes,), name="reshape_2")(x)
        return layers.Activation(spec.output_activation, name="predictions")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    stem = truncate(STEM_CHANNELS * spec.alpha)
    x = layers.Conv2D(stem, 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = norm_relu6(x, "conv1")
    for i, row in enumerate(TABLE, start=1):
        x = block(x, row, i)
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name="mobilenet_v1")
