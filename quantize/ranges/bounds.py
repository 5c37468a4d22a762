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
        if kind == "MUL" and (gate := _gate_of_product(gates, inputs)):
            lowest = 6 * H_SWISH_MINIMUM * gate.factor  # the sixth is in the next weights
            made = Bounds(lowest, h_swish=True)
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
            if gate := gates.get(outputs[0]):
                reads = Bounds(GATE.minimum * gate.factor, GATE.maximum * gate.factor)
            elif kind == "MUL" and (gate := _gate_of_product(gates, inputs)) and name == gate.input:
                reads = Bounds(GATE.minimum * gate.factor)
            else:
                reads = FUSED.get(kind, Bounds())
            before = found.get(name, reads)
            found[name] = Bounds(
                min(before.minimum, reads.minimum), max(before.maximum, reads.maximum)
            )
    for name in graph.outputs:
        found.pop(name, None)
    return found


@dataclass(frozen=True)
class Gate:
    """``relu6(x + 3)`` of the tensor ``input``, which has each channel of x up to ``factor`` times;
    ``is_sum`` where it is an addition."""

    input: str
    factor: float = 1.0
    is_sum: bool = True


def gates_of(graph: Graph) -> dict[str, Gate]:
    """Every ``relu6(x + 3)`` by the name of its output: an addition, or a depthwise layer of one
    weight a channel."""
    found = {}
    for kind, activation, inputs, outputs in graph.fused_operators():
        if activation != "RELU6" or not _adds_three(graph, inputs):
            continue
        weights = graph.constant(inputs[1])
        if kind == "ADD":
            found[outputs[0]] = Gate(inputs[0])
        elif kind == "DEPTHWISE_CONV_2D" and weights is not None and _is_scale(weights):
            found[outputs[0]] = Gate(inputs[0], 1 / float(weights.min()), is_sum=False)
    return found


def _adds_three(graph: Graph, inputs: list[str]) -> bool:
    """True where the last of the inputs is 3, for all channels alike."""
    constant = graph.constant(inputs[-1]) if len(inputs) > 1 else None
    return constant is not None and constant.size > 0 and bool(np.all(abs(constant - 3) < 1e-6))


def _is_scale(weights: np.ndarray) -> bool:
    return weights.size == weights.shape[-1] and bool((weights > 0).all())


def _gate_of_product(gates: dict[str, Gate], inputs: list[str]) -> Gate | None:
    """The gate of a product of x and its gate."""
    for name, other in (inputs, inputs[::-1]):
        if other in gates and gates[other].input == name:
            return gates[other]
    return None
