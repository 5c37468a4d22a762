"""The cost of a whole network: totals, kind by kind, and against standard convolutions."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cost import operator_kind
from bench.cost.activation_memory import Peak, peak_activation
from bench.cost.count_macs import layer_costs
from bench.cost.layer_cost import FLOAT32_BYTES, INT8_BYTES, KINDS, LayerCost
from bench.cost.separable import SeparablePair, separable_pairs
from quantize.graph.graph import Graph
from quantize.passes.hard_swish import lower


@dataclass(frozen=True)
class Total:
    """Sums over some layers; values are elements of tensors."""

    layers: int
    parameters: int
    macs: int
    values_read: int
    values_written: int

    @classmethod
    def of(cls, costs: Sequence[LayerCost]) -> "Total":
        return cls(
            len(costs),
            sum(cost.parameters for cost in costs),
            sum(cost.macs for cost in costs),
            sum(cost.values_read for cost in costs),
            sum(cost.values_written for cost in costs),
        )

    def bytes_moved(self, bytes_per_value: int) -> int:
        return (self.values_read + self.values_written) * bytes_per_value


@dataclass(frozen=True)
class NetworkCost:
    """A network's layers in execution order, and what follows from them.

    ``by_kind``: of the kinds that occur, in the order of KINDS. ``peak``: the most that activations
    take at once in float32; ``int8_peak_bytes``: the same in the int8 form, h-swish lowered.
    """

    layers: tuple[LayerCost, ...]
    total: Total
    by_kind: dict[str, Total]
    pairs: tuple[SeparablePair, ...]
    peak: Peak
    int8_peak_bytes: int

    @property
    def unknown_operators(self) -> tuple[str, ...]:
        """Kinds of operator that may have MACs which are not counted."""
        found = dict.fromkeys(layer.operator for layer in self.layers)
        return tuple(operator for operator in found if not operator_kind.is_known(operator))

    @property
    def standard_macs(self) -> int:
        """Of the same network with a standard convolution in place of each separable one."""
        return self.total.macs + sum(pair.standard_macs - pair.macs for pair in self.pairs)

    @property
    def standard_parameters(self) -> int:
        saved = (pair.standard_parameters - pair.parameters for pair in self.pairs)
        return self.total.parameters + sum(saved)

    def share_of_macs(self, kind: str) -> float:
        """In [0, 1]; 0 where the network has no MACs, or no such layer."""
        return _share(self.by_kind, kind, "macs", self.total.macs)

    def share_of_parameters(self, kind: str) -> float:
        """In [0, 1]; 0 where the network has no parameters, or no such layer."""
        return _share(self.by_kind, kind, "parameters", self.total.parameters)


def network_cost(graph: Graph) -> NetworkCost:
    """The cost of a float graph."""
    layers = layer_costs(graph)
    kinds = {kind: [cost for cost in layers if cost.kind == kind] for kind in KINDS}
    return NetworkCost(
        layers=layers,
        total=Total.of(layers),
        by_kind={kind: Total.of(costs) for kind, costs in kinds.items() if costs},
        pairs=separable_pairs(graph, layers),
        peak=peak_activation(graph),
        int8_peak_bytes=peak_activation(lower(graph)).bytes * INT8_BYTES // FLOAT32_BYTES,
    )


def _share(by_kind: dict[str, Total], kind: str, figure: str, whole: int) -> float:
    return getattr(by_kind[kind], figure) / whole if whole and kind in by_kind else 0.0
