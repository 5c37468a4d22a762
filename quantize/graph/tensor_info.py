"""The inputs and outputs of a file, in the words of the manifest."""

from dataclasses import dataclass

from quantize.graph.graph import Graph


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a file; ``scale`` and ``zero_point`` are None where it is float."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


def tensors(graph: Graph) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """The inputs and the outputs of a TFLite graph."""
    return (
        tuple(_info(graph, name) for name in graph.inputs),
        tuple(_info(graph, name) for name in graph.outputs),
    )


def _info(graph: Graph, name: str) -> TensorInfo:
    found = graph.quantization(name)
    return TensorInfo(
        name,
        tuple(int(n) for n in graph.tensor(name).shape),
        str(graph.dtype(name)),
        float(found.scale[0]) if found else None,
        int(found.zero_point[0]) if found else None,
    )
