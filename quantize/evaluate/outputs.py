"""The outputs of a graph, float or int8, as real numbers."""

from collections.abc import Mapping

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.segment import run
from quantize.passes.layer import quantized_images


def outputs(graph: Graph, images: np.ndarray, threads: int) -> np.ndarray:
    """Real outputs float32 [n, k] of a float or int8 graph for preprocessed images."""
    fed = images if graph.quantization(graph.inputs[0]) is None else quantized_images(graph, images)
    return real_outputs(graph, run(graph, {graph.inputs[0]: fed}, threads))


def real_outputs(graph: Graph, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Outputs that ``graph`` gave, by name and in their own dtypes, as float32 [n, k]: of several
    one after the other, each flattened."""
    rows = []
    for name in graph.outputs:
        values, affine = found[name], graph.quantization(name)
        if affine is not None:
            values = (values.astype(np.float32) - affine.zero_point) * affine.scale
        rows.append(values.reshape(len(values), -1).astype(np.float32))
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
