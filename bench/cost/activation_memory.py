"""The memory of a graph's activations: computed from its order, and as LiteRT plans it.

Both are of the built-in kernels: XNNPACK plans a workspace of its own, which it does not tell.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from quantize.graph.graph import Graph
from quantize.runtime.model_session import open_session


@dataclass(frozen=True)
class Alive:
    """One tensor that is in memory at some moment."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Peak:
    """The moment at which most bytes of activations are alive.

    ``operator``: the position of the one that runs then, ``kind`` and ``output`` what it is and the
    first tensor it writes. ``alive``: what it reads and writes, and what later ones still read, the
    largest first.
    """

    bytes: int
    operator: int
    kind: str
    output: str
    alive: tuple[Alive, ...]


def peak_activation(graph: Graph) -> Peak:
    """The peak of ``graph`` in the order of its operators, without what kernels need themselves.

    A tensor is alive from the operator that writes it to the last that reads it, the graph's input
    from the start, its output to the end. No operator writes over its input.
    """
    spans, moments = lifetimes(graph), []
    for position, (kind, _, outputs) in enumerate(graph.operators()):
        alive = [
            Alive(name, tensor_bytes(graph, name))
            for name, (first, last) in spans.items()
            if first <= position <= last
        ]
        total = sum(tensor.bytes for tensor in alive)
        largest_first = tuple(sorted(alive, key=lambda tensor: -tensor.bytes))
        moments.append(Peak(total, position, kind, outputs[0], largest_first))
    return max(moments, key=lambda peak: peak.bytes)


def lifetimes(graph: Graph) -> dict[str, tuple[int, int]]:
    """Positions of the first and of the last operator for which each activation must be there."""
    computed, found = set(graph.activations), {name: (0, 0) for name in graph.inputs}
    position = 0
    for position, (_, inputs, outputs) in enumerate(graph.operators()):
        for name in outputs:
            found[name] = (position, position)
        for name in inputs:
            if name in computed:
                found[name] = (found[name][0], position)
    return found | {name: (found[name][0], position) for name in graph.outputs}


def tensor_bytes(graph: Graph, name: str) -> int:
    """The size of a tensor's values."""
    return math.prod(int(n) for n in graph.tensor(name).shape) * graph.dtype(name).itemsize


def arena_bytes(graph: Graph) -> int:
    """The bytes that LiteRT, without a delegate, lays the activations of ``graph`` out in.

    From the lowest address of any activation to the highest end, with what kernels need beside
    (patches of a convolution). LiteRT keeps the graph's input to the end.
    """
    interpreter = open_session("litert-builtin", graph.content).interpreter
    activations, planned, beside = set(graph.activations), [], []
    constants = {tensor.name.decode() for tensor in graph.subgraph.tensors} - activations
    for name, start, end in _addresses(interpreter, constants):
        (planned if name in activations else beside).append((start, end))
    low, high = min(start for start, _ in planned), max(end for _, end in planned)
    # Some of what kernels need lies elsewhere: only what is in the arena, or right after, counts.
    for start, end in sorted(beside):
        if low <= start <= high:
            high = max(high, end)
    return high - low


def _addresses(interpreter, constants: set[str]) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each tensor that has memory now and is not a constant."""
    for detail in interpreter.get_tensor_details():
        if detail["name"] in constants:
            continue
        try:
            view = interpreter.tensor(detail["index"])()
        except ValueError:  # it gets its memory only when its operator runs
            continue
        yield detail["name"], view.ctypes.data, view.ctypes.data + view.nbytes
