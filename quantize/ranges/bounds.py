"""The bounds that an activation function alone sets its output, before any image is seen."""

from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import Graph

H_SWISH_MINIMUM = -0.375  # of x * relu6(x + 3) / 6, at x = -1.5


@dataclass(frozen=True)
class Bounds:
    """Values that an activation cannot leave; ``h_swish`` where its lower end is h-swish's."""

    minimum: float = -np.inf
    maximum: float = np.inf
    h_swish: bool = False


FUSED = {"RELU": Bounds(0.0), "RELU6": Bounds(0.0, 6.0), "RELU_N1_TO_1": Bounds(-1.0, 1.0)}
GATE = Bounds(-3.0, 3.0)  # where relu6(x + 3) is not flat
BY_KIND = {
    "HARD_SWISH": Bounds(H_SWISH_MINIMUM, h_swish=True),
    "LOGISTIC": Bounds(0.0, 1.0),
    "SOFTMAX": Bounds(0.0, 1.0),
    "RELU": FUSED["RELU"],
    "RELU6": FUSED["RELU6"],
}


def bounds(graph: Graph) -> dict[str, Bounds]:
    """The bounds of every computed activation of ``graph`` by name, lowered h-swish included."""
    found, gates = {}, gates_of(graph)
    for kind, activation, inputs, outputs in graph.fused_operators():
        made = FUSED.get(activation) or BY_KIND.get(kind) or Bounds()
        if kind == "MUL" and any(gates.get(b) == a for a, b in (inputs, inputs[::-1])):
            made = Bounds(6 * H_SWISH_MINIMUM, h_swish=True)  # the sixth is in the next weights
        for name in outputs:
            found[name] = made
    return found


def read_within(graph: Graph) -> dict[str, Bounds]:
    """The bounds of each activation that something reads, beyond which all its readers give the
    same: below -3 an h-swish is 0, and a gate ``relu6(x + 3)`` is 6 above 3."""
    found: dict[str, Bounds] = {}
    gates = gates_of(graph)
    for kind, _, inputs, outputs in graph.fused_operators():
        for name in inputs:
            if outputs[0] in gates:
                reads = GATE
            elif kind == "MUL" and any(gates.get(other) == name for other in inputs):
                reads = Bounds(GATE.minimum)
            else:
                reads = FUSED.get(kind, Bounds())
            before = found.get(name, reads)
            found[name] = Bounds(
                min(before.minimum, reads.minimum), max(before.maximum, reads.maximum)
            )
    for name in graph.outputs:
        found.pop(name, None)
    return found


def gates_of(graph: Graph) -> dict[str, str]:
    """The input ``x`` of every ``relu6(x + 3)``, by the name of its output."""
    return {
        outputs[0]: inputs[0]
        for kind, activation, inputs, outputs in graph.fused_operators()
        if kind == "ADD" and activation == "RELU6" and _adds_three(graph, inputs)
    }


def _adds_three(graph: Graph, inputs: list[str]) -> bool:
    constant = graph.constant(inputs[1]) if len(inputs) > 1 else None
    return constant is not None and constant.size == 1 and abs(float(constant.item()) - 3) < 1e-6
