"""How LiteRT's CPU delegate (XNNPACK) takes a graph: in how many pieces, and what it leaves."""

from collections import Counter
from dataclasses import dataclass

from quantize.graph.graph import Graph


@dataclass(frozen=True)
class Partitions:
    """``count`` pieces of the graph run in the delegate; ``outside`` it so many of each kind.

    Every border between the two costs time, and what is outside runs on slower kernels.
    """

    count: int
    outside: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether the delegate takes everything, in one piece."""
        return self.count == 1 and not self.outside


def partitions(graph: Graph) -> Partitions:
    """How LiteRT on this processor divides ``graph``; the count does not depend on threads.

    The interpreter lists the graph's own operators and behind them one for each piece of the
    delegate. What is inside a piece is found from its outputs backwards to its inputs.
    """
    listed = graph.interpreter(threads=1)._get_ops_details()
    own = len(graph.subgraph.operators)
    operators, pieces = listed[:own], listed[own:]
    maker = {int(i): n for n, operator in enumerate(operators) for i in operator["outputs"]}
    inside: set[int] = set()
    for piece in pieces:
        borders = {int(i) for i in piece["inputs"]}
        left = [int(i) for i in piece["outputs"]]
        while left:
            tensor = left.pop()
            made_by = maker.get(tensor)
            if tensor in borders or made_by is None or made_by in inside:
                continue
            inside.add(made_by)
            left.extend(int(i) for i in operators[made_by]["inputs"])
    outside = Counter(kind for n, (kind, _, _) in enumerate(graph.operators()) if n not in inside)
    return Partitions(len(pieces), dict(outside.most_common()))
