"""One operator of a TFLite graph, as the functions that write it in ONNX see it."""

from collections.abc import Iterator
from dataclasses import dataclass

from quantize.graph.graph import Graph, activations


class Unsupported(Exception):
    """An operator, or a setting of one, that is not written here; the message names it."""


@dataclass(frozen=True)
class Operator:
    """``inputs``: names of tensors; None where one is left out. ``options``: the schema's."""

    kind: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    options: object

    def option(self, name: str, default=0):
        """An option; ``default`` where the operator was stored without any."""
        return getattr(self.options, name, default)

    @property
    def activation(self) -> str:
        """The fused activation, such as ``RELU6``; ``NONE`` also where the kind has none."""
        return activations()[self.option("fusedActivationFunction")]

    def input(self, position: int) -> str | None:
        """The input at ``position``; None where it is left out."""
        return self.inputs[position] if position < len(self.inputs) else None


def operators(graph: Graph) -> Iterator[Operator]:
    """The operators of ``graph`` in execution order."""
    names = [tensor.name.decode() for tensor in graph.subgraph.tensors]
    for stored, (kind, _, outputs) in zip(graph.subgraph.operators, graph.operators(), strict=True):
        inputs = tuple(names[i] if i >= 0 else None for i in stored.inputs)
        yield Operator(kind, inputs, tuple(outputs), stored.builtinOptions)
