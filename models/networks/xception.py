"""Xception: Chollet 2017, arXiv 1610.02357.

Separable convolutions without a rectifier between their two halves, in blocks with a shortcut.
Layers are named and ordered as in ``keras.applications.Xception``, so that its published weights
load; only the shortcuts, which have passing names there, are called after their block.
"""

from typing import NamedTuple

from models.networks.residual import branch_gamma
from models.networks.spec import ModelSpec


class Row(NamedTuple):
    """One block with a shortcut: channels of its separable convolutions, stride of its pooling.

    ``rectified``: whether the first of them reads its input through a ReLU.
    """

    channels: tuple[int, ...]
    stride: int
    rectified: bool = True


STEM = (32, 64)  # 3x3 convolutions, the first of stride 2
TABLE = (  # figure 5 of the paper: entry, middle and exit flow
    Row((128, 128), 2, rectified=False),  # the stem ends with a ReLU
    Row((256, 256), 2),
    Row((728, 728), 2),
    *[Row((728, 728, 728), 1)] * 8,
    Row((728, 1024), 2),
)
TAIL = (1536, 2048)  # separable convolutions without a shortcut
FIRST_BLOCK = 2  # the stem is block 1
LAST_GAMMA = branch_gamma(len(TABLE))


def build(spec: ModelSpec):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm(x, name, gamma=1.0):
        initial = keras.initializers.Constant(gamma)
        return layers.BatchNormalization(gamma_initializer=initial, name=f"{name}_bn")(x)

    def relu(x, name):
        return layers.Activation("relu", name=f"{name}_act")(x)

    def separable(x, channels, name, gamma=1.0):
        x = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
        return norm(x, name, gamma)

    def block(x, row, prefix):
        shortcut = x
        if row.stride == 2:
            name = f"{prefix}_shortcut"
            shortcut = layers.Conv2D(
                row.channels[-1], 1, strides=2, padding="same", use_bias=False, name=name
            )(x)
            shortcut = norm(shortcut, name)
        for i, channels in enumerate(row.channels, start=1):
            name = f"{prefix}_sepconv{i}"
            if i > 1 or row.rectified:
                x = relu(x, name)
            last = i == len(row.channels)
            x = separable(x, channels, name, LAST_GAMMA if last else 1.0)
        if row.stride == 2:
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{prefix}_pool")(x)
        return layers.Add(name=f"{prefix}_add")([x, shortcut])

    def top(x):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)

    image = x = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    for i, channels in enumerate(STEM, start=1):
        name = f"block1_conv{i}"
        strides = 2 if i == 1 else 1
        x = layers.Conv2D(channels, 3, strides=strides, use_bias=False, name=name)(x)
        x = relu(norm(x, name), name)
    for i, row in enumerate(TABLE, start=FIRST_BLOCK):
        x = block(x, row, f"block{i}")
    for i, channels in enumerate(TAIL, start=1):
        name = f"block{FIRST_BLOCK + len(TABLE)}_sepconv{i}"
        x = relu(separable(x, channels, name), name)
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name="xception")
