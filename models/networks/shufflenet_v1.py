"""ShuffleNet v1: Zhang et al. 2017, arXiv 1707.01083, with 3 groups.

Both pointwise convolutions of a unit are grouped, and a channel shuffle between them lets every
group see all others.
"""

from typing import NamedTuple

from models.networks.channel_shuffle import channel_shuffle
from models.networks.residual import branch_gamma
from models.networks.spec import ModelSpec

GROUPS = 3
BOTTLENECK = 4  # output channels of a unit over those of its depthwise convolution
# What batch norms without a ReLU after them start with. He-scaled kernels reckon with one: with 1
# a depthwise convolution would double the power of its input, and random logits reach the hundreds.
DEPTHWISE_GAMMA = 0.5**0.5


class Row(NamedTuple):
    """One stage: its units, of which the first halves the map, and their output channels."""

    stage: int
    units: int
    out: int


TABLE = (Row(2, 4, 240), Row(3, 8, 480), Row(4, 4, 960))  # table 1 of the paper, g = 3

LAST_GAMMA = branch_gamma(sum(row.units - 1 for row in TABLE))  # the first of a stage adds nothing

# By width multiplier. That of 1.5 is the authors' code's, and gives the paper's 292 million.
STEM_CHANNELS = {0.25: 6, 0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}


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

    def pointwise(x, channels, groups, name, gamma=1.0):
        x = layers.Conv2D(channels, 1, groups=groups, use_bias=False, name=name)(x)
        return norm(x, name, gamma)

    def branch(x, channels, row, stride, name):
        # The stem has too few channels for groups; after a whole convolution a shuffle mixes
        # nothing that is not mixed.
        groups = 1 if row == TABLE[0] and stride == 2 else GROUPS
        narrow = int(row.out * spec.alpha) // BOTTLENECK
        x = relu(pointwise(x, narrow, groups, f"{name}_reduce"), f"{name}_reduce")
        if groups > 1:
            x = channel_shuffle(x, groups, f"{name}_shuffle")
        depthwise = f"{name}_depthwise"
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, name=depthwise
        )(x)
        x = norm(x, depthwise, DEPTHWISE_GAMMA)
        gamma = LAST_GAMMA if stride == 1 else 1.0
        return pointwise(x, channels, GROUPS, f"{name}_expand", gamma)

    def average_pool(x, name):
        # With the zeros of the padding counted in, as in the authors' code, an average is a
        # depthwise convolution: XNNPACK has an int8 kernel for that, and none for AVERAGE_POOL_2D.
        return layers.DepthwiseConv2D(
            3,
            strides=2,
            padding="same",
            use_bias=False,
            depthwise_initializer=keras.initializers.Constant(1 / 9),
            trainable=False,
            name=name,
        )(x)

    def halving_unit(x, row, name):
        past = average_pool(x, f"{name}_past")
        x = branch(x, int(row.out * spec.alpha) - x.shape[-1], row, 2, name)
        return layers.Concatenate(name=f"{name}_concat")([past, relu(x, name)])

    def unit(x, row, name):
        added = layers.Add(name=f"{name}_add")([x, branch(x, x.shape[-1], row, 1, name)])
        return relu(added, name)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    stem = STEM_CHANNELS[spec.alpha]
    x = layers.Conv2D(stem, 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = relu(norm(x, "conv1"), "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="maxpool")(x)
    for row in TABLE:
        for i in range(1, row.units + 1):
            x = (halving_unit if i == 1 else unit)(x, row, f"stage{row.stage}_{i}")
    if spec.include_top:
        x = layers.GlobalAveragePooling2D(name="globalpool")(x)
        x = layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)
    return keras.Model(image, x, name="shufflenet_v1")
