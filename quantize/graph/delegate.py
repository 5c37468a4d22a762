"""A graph in LiteRT's CPU delegate (XNNPACK): the number of pieces, and the operators outside."""

from collections import Counter
from dataclasses import dataclass

from quantize.graph.graph import Graph
from quantize.runtime.delegate_pieces import delegate_pieces


@dataclass(frozen=True)
class Partitions:
    """``count`` pieces of the graph run in the delegate; ``outside`` it so many of each kind.

    Every border between the two costs time, and what is outside runs on slower kernels.
    """

    count: int
    outside: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """True where the delegate takes everything, in one piece."""
        return self.count == 1 and not self.outside


def partitions(graph: Graph) -> Partitions:
    """The pieces that LiteRT on this processor makes of ``graph``; independent of threads."""
    _, pieces = delegate_pieces(graph.interpreter(threads=1))
    inside = {number for piece in pieces for number in piece}
    outside = Counter(kind for n, (kind, _, _) in enumerate(graph.operators()) if n not in inside)
    return Partitions(len(pieces), dict(outside.most_common()))
