"""The precisions a file can have, as named instances."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """A precision: how weights and activations are stored. ``in_onnx``: whether there is an .onnx
    file of it."""

    name: str
    weights: str
    activations: str
    in_onnx: bool = True

    @property
    def per_channel(self) -> bool:
        """Each output channel of a layer's weights has a scale of its own."""
        return self.weights.endswith("per channel")


FLOAT32 = Scheme("float32", weights="float32", activations="float32")
FLOAT16 = Scheme("float16", weights="float16", activations="float32")
INT8 = Scheme("int8", weights="int8 per channel", activations="int8 per tensor")
# What some NPUs demand: one scale for all weights of a layer.
INT8_PER_TENSOR = Scheme(
    "int8-per-tensor", weights="int8 per tensor", activations="int8 per tensor"
)
# ONNX Runtime's dynamic int8 (ConvInteger after DynamicQuantizeLinear) is right, 55 to 63 dB, but
# takes 2.8 to 6 times as long as float32.onnx, so there is no such file.
INT8_DYNAMIC = Scheme(
    "int8-dynamic",
    weights="int8 per channel, in fully connected layers per tensor; float32 in depthwise ones",
    activations="float32, rounded to int8 by the runtime",
    in_onnx=False,
)
# ONNX Runtime has no int16 convolution.
INT16X8 = Scheme(
    "int16x8",
    weights="int8 per channel",
    activations="int16 per tensor, symmetric",
    in_onnx=False,
)

FLOATS = (FLOAT32, FLOAT16)
