"""Rounding layer after layer, each on the inputs that the quantized layers before it give.

(To make up also for *their* errors overfits: on 100 photographs MobileNetV1 lost 2.5 dB.)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import Walk
from quantize.passes.layer import Layer, layers, quantized_images
from quantize.passes.patches import patches, places
from quantize.ranges.bounds import FUSED, Bounds

SEED = 0
ALL = slice(None)
SAMPLES = 8192  # input patches a layer is fitted on
DEPTHWISE_SAMPLES = 2048  # where a problem has few taps
CACHED_SAMPLES = 64  # that are laid out anew at a time
SAMPLED_VALUES = 2**26  # of all patches at most: a quarter of a GiB


@dataclass(frozen=True)
class Problem:
    """One layer's weights to round: a problem for each group of a convolution, so as many as it has
    channels for a depthwise one, with a row for each output channel. Other layers are one problem.

    ``inputs`` float32 [problems, samples, taps], without their means: the bias takes those.
    ``weights`` float32 [problems, rows, taps] and their steps ``scale`` [problems, rows, 1].
    ``center`` float32 [problems, 1, rows]: the mean output, bias included. ``ends``: where the
    activation function after it cuts off.
    """

    inputs: np.ndarray
    weights: np.ndarray
    scale: np.ndarray
    center: np.ndarray
    ends: Bounds

    @classmethod
    def of(cls, layer: Layer, inputs: np.ndarray) -> "Problem":
        """From ``inputs``, float32 [samples, kernel places, channels], 0 being what pads.

        They are changed: the largest there are, and a copy of them would be as large.
        """
        mean = inputs.mean(axis=0)
        inputs -= mean
        weights = _as_rows(layer, layer.float_weights)
        bias = layer.float_bias.reshape(len(weights), 1, -1)
        return cls(
            inputs=_as_taps(len(weights), inputs),
            weights=weights,
            scale=layer.weight_scale().reshape(len(weights), -1, 1),
            center=bias + _as_taps(len(weights), mean[None]) @ weights.transpose(0, 2, 1),
            ends=FUSED.get(layer.activation, Bounds()),
        )

    def part(self, problems: slice = ALL, taps: slice = ALL, rows: slice = ALL) -> "Problem":
        """Some of the problems, of some taps as if there were no others, or of some rows."""
        return replace(
            self,
            inputs=self.inputs[problems, :, taps],
            weights=self.weights[problems, rows, taps],
            scale=self.scale[problems, rows],
            center=self.center[problems, :, rows],
        )


def _as_taps(problems: int, inputs: np.ndarray) -> np.ndarray:
    """[problems, samples, taps] of inputs [samples, kernel places, channels]."""
    samples, places, channels = inputs.shape
    parts = inputs.reshape(samples, places, problems, channels // problems).transpose(2, 0, 1, 3)
    if problems == 1:
        return parts.reshape(problems, samples, -1)
    made = np.empty(parts.shape, parts.dtype)
    for start in range(0, samples, CACHED_SAMPLES):  # the copy jumps, by less than a cache holds
        part = slice(start, start + CACHED_SAMPLES)
        made[:, part] = parts[:, part]
    return made.reshape(problems, samples, -1)


def _as_rows(layer: Layer, weights: np.ndarray) -> np.ndarray:
    """[problems, rows, taps] of a layer's weights."""
    if layer.kind == "DEPTHWISE_CONV_2D":  # [1, kh, kw, c]
        return weights.reshape(-1, weights.shape[-1]).T[:, None]
    # [o, kh, kw, i] or [o, i]
    return weights.reshape(layer.groups, len(weights) // layer.groups, -1)


def _as_weights(layer: Layer, rows: np.ndarray) -> np.ndarray:
    """The other way round."""
    if layer.kind == "DEPTHWISE_CONV_2D":
        rows = rows[:, 0].T
    return rows.reshape(layer.float_weights.shape)


def _samples(layer: Layer) -> int:
    """The number of patches to fit a layer on, fewer where they are large."""
    if layer.kind == "DEPTHWISE_CONV_2D":
        return DEPTHWISE_SAMPLES
    values = int(np.prod(layer.kernel_size)) * layer.maps[-1]
    return max(1, min(SAMPLES, SAMPLED_VALUES // values))


def round_layers(
    graph: Graph,
    int8_graph: Graph,
    means: dict[str, np.ndarray],
    images: np.ndarray,
    threads: int,
    fit: Callable[[Problem], np.ndarray],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Graph:
    """``int8_graph`` with weights rounded anew, on the grid they have, and biases corrected.

    ``fit`` gives the int8 weights [problems, rows, taps] of a problem. Layers with dilation or a
    depth multiplier keep theirs. ``report`` is told how many layers are done, and of how many.
    Other arguments as in ``bias_correction.correct``.
    """
    editor = GraphEditor(int8_graph)
    walk = Walk(editor, quantized_images(int8_graph, images), threads)
    rng = np.random.default_rng(SEED)
    found = list(layers(graph, editor))
    for done, layer in enumerate(found):
        report(done, len(found))
        if layer.float_input_name not in means:  # an activation that was not observed
            continue
        walk.to(layer.position)
        values = walk.values[layer.input_name]
        if layer.is_plain:
            scale, zero_point = layer.input_affine
            maps = values.reshape(-1, *layer.maps)
            at = places(layer, len(maps), _samples(layer), rng)
            found_patches = patches(layer, maps, at, zero_point)
            found_patches *= scale
            layer.integers = _as_weights(layer, fit(Problem.of(layer, found_patches)))
        layer.correct_bias(
            means[layer.float_input_name], layer.real(values.mean(axis=0, dtype=np.float32)[None])
        )
    return editor.graph()
