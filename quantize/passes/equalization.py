"""Cross-layer equalization and high-bias absorption: Nagel et al. 2019, arXiv 1906.04721.

Between two layers, channel i may be divided by s[i] after the first and multiplied by s[i] before
of the second. The float network stays the same, but its channels share one int8 scale more evenly.
"""

from collections.abc import Mapping

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.groups import kernel, set_kernel
from quantize.passes.layer_pair import INPUT_AXIS, OUTPUT_AXIS, LayerPair, layer_pairs
from quantize.passes.rounding_noise import RoundingNoise
from quantize.ranges.calibration import Activation

MAX_FACTOR = 1e3  # a channel that is as good as dead is not blown up beyond this
# Other images reach further than those of the calibration: with 1.15 times the room that 100
# photographs need, ReLU6 cuts off so much of others that EfficientNet-Lite0 falls to 32 dB while it
# is still float; with 1.5 it has 40 dB, with 2 it has 45 dB, in steps the coarser for it.
HEADROOM = 1.5


def equalize(
    graph: Graph,
    statistics: dict[str, Activation],
    per_channel: bool = True,
    importance: Mapping[str, np.ndarray] | None = None,
) -> Graph:
    """``graph`` with equalized channels, itself where none gains; its float outputs stay the same
    on the calibration images.

    ReLU6 is positively homogeneous only as long as its 6 is not reached. So a channel that reaches
    6 on the calibration images keeps its scale, and no other one is scaled up past 6: the ReLU6
    that stays after the layer cuts nothing off.

    With ``per_channel`` weights the scales serve the activations alone: every channel is scaled up
    to the tensor's largest where the second layer is a depthwise one, whose weights have a scale
    for each channel and lose nothing, and where the finer steps gain something in the outputs, as
    ``importance`` (of RoundingNoise) says. Otherwise they serve the weights as in the paper:
    s = sqrt(r1 * r2) / r2 for weight ranges r1 and r2.
    """
    editor, noise = GraphEditor(graph), RoundingNoise(statistics, importance or {})
    is_same = True
    for pair in layer_pairs(editor, statistics):
        if per_channel:
            if pair.second_kind != "DEPTHWISE_CONV_2D":
                continue
            reach = _reach(pair.activation)
            wanted = np.minimum(HEADROOM * reach / max(reach.max(), np.finfo(np.float32).tiny), 1)
        else:
            first = _ranges(editor.read(pair.first, 1), OUTPUT_AXIS[pair.first_kind])
            second = _ranges(kernel(editor, pair.second), INPUT_AXIS[pair.second_kind])
            wanted = np.sqrt(first / second)
        factors = _allowed(pair, wanted)
        known = noise.of(editor.name(int(pair.first.outputs[0]))) if per_channel else None
        if known is None or noise.is_worth(float((known * (1 - factors**2)).sum())):
            _scale(editor, pair, factors)
            is_same = False
    return graph if is_same else editor.graph()


def absorb_high_biases(graph: Graph, statistics: dict[str, Activation]) -> Graph:
    """``graph`` with what a channel never falls below moved into the bias of the next layer.

    Only into 1x1 and fully connected layers, where no padding breaks it, and only where neither
    end of the rectifier is reached on the calibration images; exact on those.
    """
    editor = GraphEditor(graph)
    for pair in layer_pairs(editor, statistics):
        if not pair.second_is_pointwise(editor):
            continue
        weights = kernel(editor, pair.second)
        matrix = weights.reshape(len(weights), -1)
        inside = pair.activation.channel_maxima < pair.end
        base = np.where(inside, np.maximum(pair.activation.channel_minima, 0), 0)
        editor.write(pair.first, 2, editor.read(pair.first, 2) - base)
        editor.write(pair.second, 2, editor.read(pair.second, 2) + matrix @ base)
    return editor.graph()


def _reach(activation: Activation) -> np.ndarray:
    """The largest distance of each channel from zero."""
    return np.maximum(np.abs(activation.channel_minima), np.abs(activation.channel_maxima))


def _ranges(weights: np.ndarray, axis: int) -> np.ndarray:
    """Largest absolute weight of each channel along ``axis``."""
    found = np.abs(weights).max(axis=tuple(i for i in range(weights.ndim) if i != axis))
    return np.maximum(found, np.finfo(np.float32).tiny)


def _allowed(pair: LayerPair, wanted: np.ndarray) -> np.ndarray:
    """``wanted``, where ReLU6 leaves it a choice."""
    factors = np.clip(wanted, 1 / MAX_FACTOR, MAX_FACTOR)
    if np.isfinite(pair.end):
        maxima = pair.activation.channel_maxima
        factors = np.maximum(factors, maxima / pair.end)
        factors = np.where(maxima >= pair.end, 1.0, factors)
    return factors.astype(np.float32)


def _scale(editor: GraphEditor, pair: LayerPair, factors: np.ndarray) -> None:
    after = _spread(1 / factors, editor.read(pair.first, 1), OUTPUT_AXIS[editor.kind(pair.first)])
    editor.write(pair.first, 1, editor.read(pair.first, 1) * after)
    editor.write(pair.first, 2, editor.read(pair.first, 2) / factors)
    weights = kernel(editor, pair.second)
    before = _spread(factors, weights, INPUT_AXIS[pair.second_kind])
    set_kernel(editor, pair.second, weights * before)


def _spread(factors: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    shape = [1] * weights.ndim
    shape[axis] = -1
    return factors.reshape(shape)
