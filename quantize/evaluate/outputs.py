"""The outputs of a graph, float or int8, as real numbers."""

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.segment import run
from quantize.passes.layer import quantized_images


def outputs(graph: Graph, images: np.ndarray, threads: int) -> np.ndarray:
    """Real outputs float32 [n, classes] of a float or int8 graph for preprocessed images."""
    fed = images if graph.quantization(graph.inputs[0]) is None else quantized_images(graph, images)
    return real_outputs(graph, run(graph, {graph.inputs[0]: fed}, threads)[graph.outputs[0]])


def real_outputs(graph: Graph, found: np.ndarray) -> np.ndarray:
    """Outputs that ``graph`` gave in its own dtype, as float32 [n, classes]."""
    affine = graph.quantization(graph.outputs[0])
    if affine is not None:
        found = (found.astype(np.float32) - affine.zero_point) * affine.scale
    return found.reshape(len(found), -1).astype(np.float32)
