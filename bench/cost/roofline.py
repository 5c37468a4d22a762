"""The roofline of a device: a layer takes its arithmetic at full speed or its traffic (Williams,
Waterman and Patterson, "Roofline", 2009)."""

from dataclasses import dataclass

from bench.cost import layer_cost
from bench.cost.layer_cost import LayerCost

COMPUTE, MEMORY = "compute", "memory"
FLOAT32, INT8 = "float32", "int8"
PRECISIONS = (FLOAT32, INT8)
BYTES_PER_VALUE = {FLOAT32: layer_cost.FLOAT32_BYTES, INT8: layer_cost.INT8_BYTES}


@dataclass(frozen=True)
class Ceiling:
    """The most that a device computes in one precision, in a second.

    ``macs_per_s`` of convolutions and dense layers; ``depthwise_macs_per_s``, whose kernels reach
    less; ``elementwise_values_per_s``, values read and written: in int8 each is also requantized.
    """

    macs_per_s: float
    depthwise_macs_per_s: float
    elementwise_values_per_s: float

    def compute_s(self, cost: LayerCost) -> float:
        """The time of the arithmetic of a layer."""
        if cost.kind == layer_cost.ELEMENTWISE:
            return (cost.values_read + cost.values_written) / self.elementwise_values_per_s
        is_depthwise = cost.kind == layer_cost.DEPTHWISE
        return cost.macs / (self.depthwise_macs_per_s if is_depthwise else self.macs_per_s)


@dataclass(frozen=True)
class Prediction:
    """``bound``: whether arithmetic or traffic, "compute" or "memory", takes the longer."""

    time_ns: float
    bound: str


@dataclass(frozen=True)
class Roofline:
    """A device's ceilings as measured just now, with ``threads`` threads; ``bytes_per_s`` to and
    from memory, caches that hold a few MB included. ``warnings``: reasons not to trust it."""

    device: str
    threads: int
    bytes_per_s: float
    ceilings: dict[str, Ceiling]  # by precision
    warnings: tuple[str, ...] = ()

    def ridge(self, precision: str) -> float:
        """MACs for each byte moved: a convolution with fewer is memory-bound."""
        return self.ceilings[precision].macs_per_s / self.bytes_per_s

    def depthwise_ridge(self, precision: str) -> float:
        """The same of depthwise convolutions."""
        return self.ceilings[precision].depthwise_macs_per_s / self.bytes_per_s

    def predict(self, cost: LayerCost, precision: str) -> Prediction:
        """The time of a layer in "float32" or "int8", when nothing is lost between the two."""
        compute_s = self.ceilings[precision].compute_s(cost)
        memory_s = cost.bytes_moved(BYTES_PER_VALUE[precision]) / self.bytes_per_s
        bound = COMPUTE if compute_s > memory_s else MEMORY
        return Prediction(1e9 * max(compute_s, memory_s), bound)
