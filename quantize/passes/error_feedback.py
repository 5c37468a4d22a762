"""Rounding with error feedback: weights still to be rounded make up for those that are rounded.

Frantar, Singh and Alistarh 2022, arXiv 2208.11580 (as GPTQ: Frantar et al. 2022, arXiv 2210.17323).
"""

import numpy as np

from quantize.graph.graph import Graph
from quantize.passes.rounding import Problem, round_layers

DAMPING = 0.1  # of the mean diagonal, added to it: the less data, the more the weights stay
BLOCK = 64  # columns rounded before their errors reach the columns further on
LARGEST = 127  # int8 weights are symmetric
MAX_BYTES = 2**30  # of the matrices of a problem; one that needs more is done in parts
MATRICES = 5  # float64 [taps, taps], that are there at once
PART_TAPS = 1024


def refine(
    graph: Graph, int8_graph: Graph, means: dict[str, np.ndarray], images: np.ndarray, threads: int
) -> Graph:
    """``int8_graph`` with weights rounded so; see ``round_layers``."""
    return round_layers(graph, int8_graph, means, images, threads, fit)


def fit(problem: Problem) -> np.ndarray:
    """int8 weights [problems, rows, taps] whose outputs differ little from the float weights'.

    A problem of so many taps that memory would run out (a dense layer over a flattened map) falls
    into parts, each of which makes up for its own rounding alone.
    """
    problems, _, taps = problem.inputs.shape
    if needed_bytes(problems, taps) <= MAX_BYTES:
        return _fit(problem)
    if problems > 1:
        each = [slice(number, number + 1) for number in range(problems)]
        return np.concatenate([fit(problem.part(problems=one)) for one in each])
    parts = [slice(start, start + PART_TAPS) for start in range(0, taps, PART_TAPS)]
    return np.concatenate([_fit(problem.part(taps=part)) for part in parts], axis=-1)


def needed_bytes(problems: int, taps: int) -> int:
    """Memory that ``fit`` needs to do so many problems whole."""
    return MATRICES * problems * taps**2 * np.dtype(np.float64).itemsize


def _root_of_inverse(gram: np.ndarray) -> np.ndarray:
    """Upper triangles u [n, size, size] with u' u the inverses of ``gram``.

    From below upwards, a Cholesky decomposition is gram = r r' with an upper triangle, and the
    inverse of r is u.
    """
    backwards = np.linalg.cholesky(gram[:, ::-1, ::-1])
    return np.linalg.inv(backwards[:, ::-1, ::-1])


def _fit(problem: Problem) -> np.ndarray:
    x, scale, weights = problem.inputs, problem.scale, problem.weights.astype(np.float64)
    gram = (x.transpose(0, 2, 1) @ x).astype(np.float64)
    size = gram.shape[-1]
    diagonal = np.trace(gram, axis1=1, axis2=2)[:, None, None] / size
    each = np.arange(size)
    gram[:, each, each] += DAMPING * diagonal[..., 0] + 1e-12
    upper = _root_of_inverse(gram)
    rounded = np.empty(weights.shape, np.int8)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        errors = np.empty((*weights.shape[:2], end - start))
        for j in range(start, end):
            rounded[..., j] = np.clip(np.rint(weights[..., j] / scale[..., 0]), -LARGEST, LARGEST)
            error = weights[..., j] - rounded[..., j] * scale[..., 0]
            errors[..., j - start] = error / upper[:, j, j, None]
            feedback = errors[..., j - start, None] * upper[:, None, j, j + 1 : end]
            weights[..., j + 1 : end] -= feedback
        weights[..., end:] -= errors @ upper[:, start:end, end:]
    return rounded
