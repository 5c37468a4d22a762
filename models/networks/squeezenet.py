"""SqueezeNet 1.0 and 1.1: Iandola et al. 2016, arXiv 1602.07360.

Fire modules: a 1x1 convolution squeezes the channels that a 1x1 and a 3x3 convolution beside it
expand again. Layers are named as in the published Caffe definitions. As there and in torchvision,
the first convolution pads nothing and pooling keeps a window that reaches over the edge, so that
maps have the sizes that trained weights saw: with 227 pixels those of the paper's table 1, with 224
those of torchvision.
"""

from dataclasses import dataclass
from typing import NamedTuple

from models.networks.spec import ModelSpec

FIRST_FIRE = 2  # the stem is layer 1
DROPOUT = 0.5


class Fire(NamedTuple):
    """One fire module: channels of its 1x1 convolution, and of each of the two that expand."""

    squeeze: int
    expand: int


POOL = None  # a row of its own: 3x3 max pooling of stride 2


@dataclass(frozen=True)
class Variant:
    """A table with its stem: channels and kernel of the first convolution, of stride 2."""

    name: str
    stem_channels: int
    stem_kernel: int
    table: tuple[Fire | None, ...]


V1_0 = Variant(
    "squeezenet_v1.0", 96, 7,
    (  # table 1 of the paper
        POOL,
        *[Fire(16, 64)] * 2,
        Fire(32, 128),
        POOL,
        Fire(32, 128),
        *[Fire(48, 192)] * 2,
        Fire(64, 256),
        POOL,
        Fire(64, 256),
    ),
)  # fmt: skip
V1_1 = Variant(
    "squeezenet_v1.1", 64, 3,
    (  # SqueezeNet_v1.1 of the authors' repository: pools earlier, 2.4 times less arithmetic
        POOL,
        *[Fire(16, 64)] * 2,
        POOL,
        *[Fire(32, 128)] * 2,
        POOL,
        *[Fire(48, 192)] * 2,
        *[Fire(64, 256)] * 2,
    ),
)  # fmt: skip


def build(spec: ModelSpec, variant: Variant):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def conv(x, channels, kernel, name):
        return layers.Conv2D(channels, kernel, padding="same", activation="relu", name=name)(x)

    def pool(x, name):
        # On an even map "same" adds one row and column at the end alone, which is what the window
        # over the edge sees; on an odd one no window reaches over it.
        padding = "valid" if x.shape[1] % 2 else "same"
        return layers.MaxPooling2D(3, strides=2, padding=padding, name=name)(x)

    def fire(x, row, name):
        x = conv(x, row.squeeze, 1, f"{name}_squeeze1x1")
        beside = [conv(x, row.expand, size, f"{name}_expand{size}x{size}") for size in (1, 3)]
        return layers.Concatenate(name=f"{name}_concat")(beside)

    def top(x, name):
        x = layers.Dropout(DROPOUT)(x)
        x = conv(x, spec.classes, 1, name)
        x = layers.GlobalAveragePooling2D()(x)
        return layers.Activation(spec.output_activation, name="predictions")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    x = layers.Conv2D(
        variant.stem_channels, variant.stem_kernel, strides=2, activation="relu", name="conv1"
    )(image)
    number = FIRST_FIRE
    for row in variant.table:
        if row is POOL:
            x = pool(x, f"pool{number - 1}")  # called after the layer that it follows
        else:
            x = fire(x, row, f"fire{number}")
            number += 1
    if spec.include_top:
        x = top(x, f"conv{number}")
    return keras.Model(image, x, name=variant.name)
