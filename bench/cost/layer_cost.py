"""The cost of one operator of a float graph: what it computes, reads and writes."""

from dataclasses import dataclass

FLOAT32_BYTES = 4
INT8_BYTES = 1

CONVOLUTION = "convolution"
POINTWISE = "1x1 convolution"
DEPTHWISE = "depthwise convolution"
GROUPED = "grouped convolution"
DENSE = "dense"
ELEMENTWISE = "elementwise"
ACTIVATION = "activation"
POOLING = "pooling"
DATA_MOVEMENT = "data movement"
KINDS = (
    CONVOLUTION,
    POINTWISE,
    DEPTHWISE,
    GROUPED,
    DENSE,
    ELEMENTWISE,
    ACTIVATION,
    POOLING,
    DATA_MOVEMENT,
)


def short_name(kind: str) -> str:
    """``kind`` for a column of kinds: "1x1" of "1x1 convolution"."""
    return kind.removesuffix(f" {CONVOLUTION}")


@dataclass(frozen=True)
class LayerCost:
    """One operator, counted by the rule of ``bench.cost.count_macs``.

    ``name``: the layer's name as people say it. ``output``: the tensor it computes. ``kind``: one
    of KINDS; ``operator``: TFLite's kind, such as ``CONV_2D``. ``parameters``: weights and biases,
    batch norm folded. ``values_read`` (constants included) and ``values_written``: elements of the
    tensors, each counted once. ``has_int8_kernel``: whether LiteRT's XNNPACK runs it in int8.
    """

    name: str
    output: str
    kind: str
    operator: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    values_read: int
    values_written: int
    has_int8_kernel: bool

    def bytes_read(self, bytes_per_value: int) -> int:
        """The bytes read where every value, biases too, takes so many bytes."""
        return self.values_read * bytes_per_value

    def bytes_written(self, bytes_per_value: int) -> int:
        return self.values_written * bytes_per_value

    def bytes_moved(self, bytes_per_value: int) -> int:
        """Read and written together."""
        return self.bytes_read(bytes_per_value) + self.bytes_written(bytes_per_value)

    @property
    def intensity(self) -> float:
        """Arithmetic intensity in float32: MACs for each byte moved; 0 where nothing is."""
        moved = self.bytes_moved(FLOAT32_BYTES)
        return self.macs / moved if moved else 0.0

    @property
    def int8_intensity(self) -> float:
        """Arithmetic intensity in int8, four times that in float32."""
        return self.intensity * FLOAT32_BYTES / INT8_BYTES
