"""Operators that stay float in an integer graph, because no scheme of the quantizer has them."""

from collections.abc import Collection, Iterator

from quantize.graph.graph import Graph

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
NAMED = 3  # operators that a sentence names
NAME_LENGTH = 40


def float_operators(graph: Graph) -> Iterator[tuple[str, str]]:
    """Kind and output of each operator of ``graph`` that computes in float32."""
    for kind, inputs, outputs in graph.operators():
        reads = [name for name in inputs if graph.constant(name) is None]
        is_float = any(graph.dtype(name) == "float32" for name in (*reads, *outputs))
        if is_float and kind not in CONVERSIONS:
            yield kind, outputs[0]


def sentence(file_name: str, graph: Graph, kept_float: Collection[str] = frozenset()) -> str | None:
    """One line that names what stays float in an integer file; None where nothing does.

    ``kept_float``: outputs of operators that were to stay float, which go without saying.
    """
    found = [pair for pair in float_operators(graph) if pair[1] not in kept_float]
    if not found:
        return None
    shown = [f"{kind} ({_shortened(name)})" for kind, name in found[:NAMED]]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    verb = "stays" if len(found) == 1 else "stay"
    return f"{file_name}: {', '.join(shown)}{more} {verb} float"


def _shortened(name: str) -> str:
    name = name.split(";")[0]
    return name if len(name) <= NAME_LENGTH else "…" + name[1 - NAME_LENGTH :]
