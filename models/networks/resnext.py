"""ResNeXt-50 (32x4d): Xie et al. 2017, arXiv 1611.05431.

A ResNet-50 whose 3x3 convolutions are grouped: each of 32 paths sees its own share of the channels.
Strides are in the 3x3 convolutions and padding is symmetric, as in the authors' own code. Layers
are named as in ``keras.applications.ResNet50``.
"""

from typing import NamedTuple

from models.networks.residual import branch_gamma
from models.networks.spec import ModelSpec

STEM_CHANNELS = 64
CARDINALITY = 32  # groups of every 3x3 convolution


class Stage(NamedTuple):
    """Blocks of one size: channels of the grouped 3x3 convolution and of the output, stride of the
    first block."""

    width: int
    out: int
    blocks: int
    stride: int


TABLE = (  # table 1 of the paper: conv2 to conv5
    Stage(128, 256, 3, 1),
    Stage(256, 512, 4, 2),
    Stage(512, 1024, 6, 2),
    Stage(1024, 2048, 3, 2),
)


LAST_GAMMA = branch_gamma(sum(stage.blocks for stage in TABLE))


def build(spec: ModelSpec):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def conv(x, channels, name, kernel=1, stride=1, groups=1, gamma=1.0):
        if kernel > 1:
            x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
        x = layers.Conv2D(
            channels, kernel, strides=stride, groups=groups, use_bias=False, name=f"{name}_conv"
        )(x)
        return layers.BatchNormalization(
            epsilon=1e-5, gamma_initializer=keras.initializers.Constant(gamma), name=f"{name}_bn"
        )(x)

    def block(x, stage, stride, name):
        shortcut = x
        if stride > 1 or x.shape[-1] != stage.out:
            shortcut = conv(x, stage.out, f"{name}_0", stride=stride)
        x = layers.ReLU(name=f"{name}_1_relu")(conv(x, stage.width, f"{name}_1"))
        x = conv(x, stage.width, f"{name}_2", kernel=3, stride=stride, groups=CARDINALITY)
        x = layers.ReLU(name=f"{name}_2_relu")(x)
        x = conv(x, stage.out, f"{name}_3", gamma=LAST_GAMMA)
        x = layers.Add(name=f"{name}_add")([shortcut, x])
        return layers.ReLU(name=f"{name}_out")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    x = conv(image, STEM_CHANNELS, "conv1", kernel=7, stride=2)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)  # 0 is the least that a ReLU gives
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for number, stage in enumerate(TABLE, start=2):
        for i in range(1, stage.blocks + 1):
            x = block(x, stage, stage.stride if i == 1 else 1, f"conv{number}_block{i}")
    if spec.include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(spec.classes, activation=spec.output_activation, name="predictions")(x)
    return keras.Model(image, x, name="resnext50")
