"""Depthwise separable convolutions, and what the standard convolution in their place would cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from bench.cost.layer_cost import ACTIVATION, DENSE, ELEMENTWISE, POINTWISE, LayerCost
from quantize.graph.graph import Graph


@dataclass(frozen=True)
class SeparablePair:
    """A depthwise convolution and the 1x1 convolution that mixes its channels.

    ``kernel``: height and width of the depthwise kernel. ``channels_in`` and ``channels_out`` are M
    and N of the MobileNetV1 paper, section 3.1.
    """

    depthwise: LayerCost
    pointwise: LayerCost
    kernel: tuple[int, int]
    channels_in: int
    channels_out: int

    @property
    def macs(self) -> int:
        return self.depthwise.macs + self.pointwise.macs

    @property
    def parameters(self) -> int:
        return self.depthwise.parameters + self.pointwise.parameters

    @property
    def standard_macs(self) -> int:
        """Of one convolution from M to N channels with the depthwise one's kernel and stride."""
        positions = prod(self.pointwise.output_shape[1:3])
        return positions * prod(self.kernel) * self.channels_in * self.channels_out

    @property
    def standard_parameters(self) -> int:
        """Its weights, and a bias for each channel that it makes."""
        return prod(self.kernel) * self.channels_in * self.channels_out + self.channels_out

    @property
    def ratio(self) -> float:
        """MACs as counted over those of the standard convolution."""
        return self.macs / self.standard_macs

    @property
    def rule(self) -> float:
        """The ratio by the paper: 1/N + 1/D^2."""
        return 1 / self.channels_out + 1 / prod(self.kernel)


def separable_pairs(graph: Graph, costs: Sequence[LayerCost]) -> tuple[SeparablePair, ...]:
    """The pairs of a graph, in execution order; ``costs`` are its layers.

    Activations and products, as of a squeeze-and-excite gate, may stand between the two.
    """
    cost_of = {cost.output: cost for cost in costs}
    readers: dict[str, list[LayerCost]] = {}
    for _, inputs, outputs in graph.operators():
        for name in inputs:
            readers.setdefault(name, []).append(cost_of[outputs[0]])
    found = []
    for operator, inputs, outputs in graph.operators():
        if operator == "DEPTHWISE_CONV_2D":
            pointwise = next(_mixers(cost_of[outputs[0]], readers), None)
            if pointwise is not None:
                _, height, width, _ = (int(n) for n in graph.tensor(inputs[1]).shape)
                found.append(
                    SeparablePair(
                        cost_of[outputs[0]],
                        pointwise,
                        (height, width),
                        int(graph.tensor(inputs[0]).shape[-1]),
                        pointwise.output_shape[-1],
                    )
                )
    return tuple(found)


def _mixers(layer: LayerCost, readers: dict[str, list[LayerCost]]) -> Iterator[LayerCost]:
    """1x1 convolutions that read ``layer``'s map, or what activations and products make of it."""
    for reader in readers.get(layer.output, ()):
        if reader.operator == "CONV_2D" and reader.kind in (POINTWISE, DENSE):
            yield reader
        elif reader.kind in (ACTIVATION, ELEMENTWISE) and reader.output_shape == layer.output_shape:
            yield from _mixers(reader, readers)
