"""ShuffleNet v2: Ma et al. 2018, arXiv 1807.11164.

Half of the channels go past each unit untouched, and a channel shuffle deals both halves out to
the two ways of the next unit.
"""

from typing import NamedTuple

from models.networks.channel_shuffle import channel_shuffle
from models.networks.spec import ModelSpec

STEM_CHANNELS = 24
# What the batch norm of a depthwise convolution starts with. No ReLU follows it, with which
# He-scaled kernels reckon: with 1 it would double the power of its input, and so every unit.
DEPTHWISE_GAMMA = 0.5**0.5


class Row(NamedTuple):
    """One stage: its units, of which the first halves the map, and their output channels."""

    stage: int
    units: int
    out: int


class Width(NamedTuple):
    """The stages of one width multiplier, and the channels before the classifier."""

    stages: tuple[Row, ...]
    last_channels: int


TABLE = {  # table 5 of the paper, by width multiplier
    0.5: Width((Row(2, 4, 48), Row(3, 8, 96), Row(4, 4, 192)), 1024),
    1.0: Width((Row(2, 4, 116), Row(3, 8, 232), Row(4, 4, 464)), 1024),
    1.5: Width((Row(2, 4, 176), Row(3, 8, 352), Row(4, 4, 704)), 1024),
    2.0: Width((Row(2, 4, 244), Row(3, 8, 488), Row(4, 4, 976)), 2048),
}


def build(spec: ModelSpec):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm(x, name, gamma=1.0):
        initial = keras.initializers.Constant(gamma)
        return layers.BatchNormalization(
            epsilon=1e-5, gamma_initializer=initial, name=f"{name}_bn"
        )(x)

    def relu(x, name):
        return layers.ReLU(name=f"{name}_relu")(x)

    def conv(x, channels, kernel, stride, name):
        x = layers.Conv2D(
            channels, kernel, strides=stride, padding="same", use_bias=False, name=name
        )(x)
        return relu(norm(x, name), name)

    def depthwise(x, stride, name):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=name)(x)
        return norm(x, name, DEPTHWISE_GAMMA)

    def branch(x, channels, stride, name):
        x = conv(x, channels, 1, 1, f"{name}_expand")
        return conv(depthwise(x, stride, f"{name}_depthwise"), channels, 1, 1, f"{name}_project")

    def halving_unit(x, channels, name):
        past = depthwise(x, 2, f"{name}_past_depthwise")
        past = conv(past, channels // 2, 1, 1, f"{name}_past_project")
        return past, branch(x, channels // 2, 2, name)

    def unit(x, channels, name):
        past, x = keras.ops.split(x, 2, axis=-1)
        return past, branch(x, channels // 2, 1, name)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    width = TABLE[spec.alpha]
    x = conv(image, STEM_CHANNELS, 3, 2, "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="maxpool")(x)
    for row in width.stages:
        for i in range(1, row.units + 1):
            name = f"stage{row.stage}_{i}"
            both = (halving_unit if i == 1 else unit)(x, row.out, name)
            x = layers.Concatenate(name=f"{name}_concat")(both)
            x = channel_shuffle(x, 2, f"{name}_shuffle")
    x = conv(x, width.last_channels, 1, 1, "conv5")
    if spec.include_top:
        x = layers.GlobalAveragePooling2D(name="globalpool")(x)
        x = layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)
    return keras.Model(image, x, name="shufflenet_v2")
