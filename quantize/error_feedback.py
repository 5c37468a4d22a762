"""Rounding with error feedback: weights still to be rounded make up for those that are rounded.

Frantar, Singh and Alistarh 2022, arXiv 2208.11580 (as GPTQ: Frantar et al. 2022, arXiv 2210.17323).
Each layer is fitted, without labels, on the inputs that the quantized layers ahead of it give. (To
fit it also to make up for *their* errors overfits: on 100 photographs MobileNetV1 lost 2.5 dB.)
"""

import numpy as np

from quantize.draft import Draft
from quantize.graph import Graph
from quantize.layer import Layer, layers, quantized_images
from quantize.patches import patches, places
from quantize.segment import Walk

SEED = 0
SAMPLES = 8192  # input patches a layer is fitted on
DAMPING = 0.1  # of the mean diagonal, added to it: the less data, the more the weights stay
BLOCK = 64  # columns rounded before their errors reach the columns further on


def refine(
    graph: Graph, int8_graph: Graph, means: dict[str, np.ndarray], images: np.ndarray, threads: int
) -> Graph:
    """``int8_graph`` with weights rounded anew, on the grid they have, and biases corrected.

    Layers with dilation or a depth multiplier keep their weights.

    Arguments as in ``bias_correction.correct``.
    """
    draft = Draft(int8_graph)
    walk = Walk(draft, quantized_images(int8_graph, images), threads)
    rng = np.random.default_rng(SEED)
    for layer in layers(graph, draft):
        walk.to(layer.position)
        found = walk.values[layer.input_name]
        if layer.is_plain:
            scale, zero_point = layer.input_affine
            # Integers count from the zero point, so that what pads is zero.
            counted = found.astype(np.int16) - zero_point
            at = places(layer, len(images), SAMPLES, rng)
            _fit(layer, patches(layer, counted, at) * scale)
        layer.correct_bias(
            means[layer.float_input_name], layer.real(found.mean(axis=0, dtype=np.float32)[None])
        )
    return draft.graph()


def _fit(layer: Layer, inputs: np.ndarray) -> None:
    """Round the layer's weights so that on ``inputs`` [samples, taps, channels] little changes."""
    scale, weights = layer.weight_scale(), layer.float_weights
    inputs = inputs - inputs.mean(axis=0)  # the bias takes the means
    if layer.kind == "DEPTHWISE_CONV_2D":  # [1, kh, kw, c]: one small problem for each channel
        a = np.ascontiguousarray(inputs.transpose(2, 1, 0))
        rows = weights.reshape(-1, weights.shape[-1]).T[:, None, :]
        rounded = _round(rows, a @ a.transpose(0, 2, 1), scale.reshape(-1, 1, 1))
        layer.integers = rounded[:, 0].T.reshape(weights.shape)
    else:  # [o, kh, kw, i] or [o, i]: one problem that all output channels share
        a = inputs.reshape(len(inputs), -1)
        rounded = _round(weights.reshape(len(weights), -1), a.T @ a, scale.reshape(-1, 1))
        layer.integers = rounded.reshape(weights.shape)


def _round(rows: np.ndarray, gram: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """int8 [..., outputs, inputs] for float ``rows`` of that shape.

    ``gram`` [..., inputs, inputs]: products of the inputs with each other, summed over samples.
    """
    size = gram.shape[-1]
    gram, rows = gram.astype(np.float64), rows.astype(np.float64)
    diagonal = np.trace(gram, axis1=-2, axis2=-1)[..., None, None] / size
    damped = gram + (DAMPING * diagonal + 1e-12) * np.eye(size)
    upper = np.swapaxes(np.linalg.cholesky(np.linalg.inv(damped)), -1, -2)
    rounded = np.empty(rows.shape, np.int8)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        errors = np.empty((*rows.shape[:-1], end - start))
        for j in range(start, end):
            rounded[..., j] = np.clip(np.rint(rows[..., j] / scale[..., 0]), -127, 127)
            error = rows[..., j] - rounded[..., j] * scale[..., 0]
            errors[..., j - start] = error / upper[..., j, j][..., None]
            feedback = errors[..., j - start, None] * upper[..., None, j, j + 1 : end]
            rows[..., j + 1 : end] -= feedback
        rows[..., end:] -= errors @ upper[..., start:end, end:]
    return rounded
