"""MobileNetV3 Large, Small and their minimalistic variants: Howard et al. 2019, arXiv 1905.02244.

Layers are named and ordered as in ``keras.applications.MobileNetV3Large`` and ``...Small`` (with
``include_preprocessing=False``), so that their published weights load.
"""

from dataclasses import dataclass
from typing import NamedTuple

from models.networks.channels import round_to_8
from models.networks.padding import stride2_padding
from models.networks.spec import ModelSpec

STEM_CHANNELS = 16
SQUEEZE_RATIO = 0.25


class Row(NamedTuple):
    """One bottleneck: depthwise kernel, expanded and output channels, SE, nonlinearity, stride."""

    kernel: int
    expanded: int
    out: int
    squeeze_excite: bool
    activation: str
    stride: int

    def minimalistic(self) -> "Row":
        """The same row for hardware without fast SE, h-swish and 5x5 kernels."""
        return self._replace(kernel=3, squeeze_excite=False, activation="relu")


RE, HS = "relu", "hard_silu"  # Keras calls h-swish hard_silu

LARGE = (  # table 1 of the paper
    Row(3, 16, 16, False, RE, 1),
    Row(3, 64, 24, False, RE, 2),
    Row(3, 72, 24, False, RE, 1),
    Row(5, 72, 40, True, RE, 2),
    Row(5, 120, 40, True, RE, 1),
    Row(5, 120, 40, True, RE, 1),
    Row(3, 240, 80, False, HS, 2),
    Row(3, 200, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 184, 80, False, HS, 1),
    Row(3, 480, 112, True, HS, 1),
    Row(3, 672, 112, True, HS, 1),
    Row(5, 672, 160, True, HS, 2),
    Row(5, 960, 160, True, HS, 1),
    Row(5, 960, 160, True, HS, 1),
)

SMALL = (  # table 2 of the paper
    Row(3, 16, 16, True, RE, 2),
    Row(3, 72, 24, False, RE, 2),
    Row(3, 88, 24, False, RE, 1),
    Row(5, 96, 40, True, HS, 2),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 240, 40, True, HS, 1),
    Row(5, 120, 48, True, HS, 1),
    Row(5, 144, 48, True, HS, 1),
    Row(5, 288, 96, True, HS, 2),
    Row(5, 576, 96, True, HS, 1),
    Row(5, 576, 96, True, HS, 1),
)


@dataclass(frozen=True)
class Variant:
    """A table with what surrounds it: channels of the layer before the classifier, stem's act."""

    name: str
    table: tuple[Row, ...]
    last_channels: int
    activation: str = HS

    def minimalistic(self) -> "Variant":
        """The variant with every row reduced to 3x3 convolutions and ReLU."""
        rows = tuple(row.minimalistic() for row in self.table)
        return Variant(f"{self.name}_minimalistic", rows, self.last_channels, RE)


V3_LARGE = Variant("mobilenet_v3_large", LARGE, 1280)
V3_SMALL = Variant("mobilenet_v3_small", SMALL, 1024)
V3_LARGE_MINIMALISTIC = V3_LARGE.minimalistic()
V3_SMALL_MINIMALISTIC = V3_SMALL.minimalistic()


def expansions(spec: ModelSpec, variant: Variant) -> tuple[int, ...]:
    """Channels that each bottleneck expands to; squeeze-and-excite needs all of them at once, so
    rows with it are left out, and so are those that come out no wider than their input or output.
    """
    found, channels, reference_in = [], STEM_CHANNELS, STEM_CHANNELS
    for i, row in enumerate(variant.table):
        expanded = _expanded(channels, row, reference_in)
        channels_in, channels = channels, round_to_8(row.out * spec.alpha)
        if i and not row.squeeze_excite and expanded > max(channels_in, channels):
            found.append(expanded)
        reference_in = row.out
    return tuple(found)


def _expanded(channels_in: int, row: Row, reference_in: int) -> int:
    """The expansion *ratio* is the table's; width rounding has already changed ``channels_in``."""
    return round_to_8(channels_in * (row.expanded / reference_in))


def build(spec: ModelSpec, variant: Variant):
    """Keras model: float32 [batch, resolution, resolution, 3] in, [batch, classes] out."""
    import keras
    from keras import layers

    def norm(x, name):
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    def act(x, activation, name=None):
        if activation == RE:
            return layers.ReLU(name=name)(x)
        return layers.Activation(activation, name=name)(x)

    def pointwise(x, channels, name):
        return layers.Conv2D(channels, 1, padding="same", use_bias=False, name=name)(x)

    def squeeze_excite(x, prefix):
        channels = x.shape[-1]
        gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(x)
        squeezed = round_to_8(channels * SQUEEZE_RATIO)
        gate = layers.Conv2D(squeezed, 1, padding="same", name=f"{prefix}conv")(gate)
        gate = act(gate, RE, f"{prefix}relu")
        gate = layers.Conv2D(channels, 1, padding="same", name=f"{prefix}conv_1")(gate)
        gate = layers.Activation("hard_sigmoid", name=f"{prefix}gate")(gate)
        return layers.Multiply(name=f"{prefix}mul")([x, gate])

    def bottleneck(x, row, reference_in, i):
        prefix = f"expanded_conv_{i}_" if i else "expanded_conv_"
        shortcut, channels_in = x, x.shape[-1]
        if i:  # the first row does not expand
            expanded = _expanded(channels_in, row, reference_in)
            x = norm(pointwise(x, expanded, f"{prefix}expand"), f"{prefix}expand_bn")
            x = act(x, row.activation)
        if row.stride == 2:
            padding = stride2_padding(x.shape[1], row.kernel)
            x = layers.ZeroPadding2D(padding, name=f"{prefix}depthwise_pad")(x)
        x = layers.DepthwiseConv2D(
            row.kernel,
            strides=row.stride,
            padding="valid" if row.stride == 2 else "same",
            use_bias=False,
            name=f"{prefix}depthwise",
        )(x)
        x = act(norm(x, f"{prefix}depthwise_bn"), row.activation)
        if row.squeeze_excite:
            x = squeeze_excite(x, f"{prefix}squeeze_excite_")
        channels_out = round_to_8(row.out * spec.alpha)
        x = norm(pointwise(x, channels_out, f"{prefix}project"), f"{prefix}project_bn")
        if row.stride == 1 and channels_in == channels_out:
            x = layers.Add(name=f"{prefix}add")([shortcut, x])
        return x

    def top(x):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        channels = variant.last_channels
        if spec.alpha > 1:
            channels = round_to_8(channels * spec.alpha)
        x = layers.Conv2D(channels, 1, padding="same", name="conv_2")(x)
        x = act(x, variant.activation)
        x = layers.Dropout(0.2)(x)
        x = layers.Conv2D(spec.classes, 1, padding="same", name="logits")(x)
        x = layers.Flatten()(x)
        return layers.Activation(spec.output_activation, name="predictions")(x)

    image = keras.Input((spec.resolution, spec.resolution, 3), name="image")
    x = layers.Conv2D(STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name="conv")(
        image
    )
    x = act(norm(x, "conv_bn"), variant.activation)
    reference_in = STEM_CHANNELS
    for i, row in enumerate(variant.table):
        x = bottleneck(x, row, reference_in, i)
        reference_in = row.out
    x = norm(pointwise(x, round_to_8(x.shape[-1] * 6), "conv_1"), "conv_1_bn")
    x = act(x, variant.activation)
    if spec.include_top:
        x = top(x)
    return keras.Model(image, x, name=variant.name)
