"""Outlier channel splitting into dead channels: Zhao et al. 2019, arXiv 1901.09504.

A channel that is computed twice, with half the weight where it is read, gives the same network. But
two copies can be rounded in different places, and their mean then has half the step
(``Layer.stagger``). The paper widens layers to make room. Here the copies replace channels that can
be proven to be always zero, as trained MobileNets have some (7 of the 32 after the first
convolution of MobileNetV1), so the network stays as fast as it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.groups import group_of, groups, kernel, set_kernel
from quantize.passes.layer_pair import HEADROOM, OUTPUT_AXIS, LayerPair, layer_pairs
from quantize.passes.rounding_noise import RoundingNoise
from quantize.ranges.calibration import Activation

LARGEST = 127  # int8 weights are symmetric


@dataclass(frozen=True)
class _Chain:
    """A chain in which channels run side by side: made by the first layer, read by the last.

    ``pairs``: one, or two where a depthwise layer is between. ``dead``: bool [channels].
    ``group``: int [channels], the same for those that the same group of a convolution makes and
    reads; only within one may a channel take another's place.
    """

    pairs: tuple[LayerPair, ...]
    dead: np.ndarray
    group: np.ndarray

    @property
    def layers(self) -> tuple:
        """The operators that make the channels, first to last."""
        return tuple(pair.first for pair in self.pairs)

    @property
    def reader(self):
        return self.pairs[-1].second


def split(
    graph: Graph,
    statistics: dict[str, Activation],
    importance: Mapping[str, np.ndarray] | None = None,
    per_channel: bool = True,
) -> Graph:
    """``graph`` with copies of the channels that cost most, each where a dead one was; itself where
    nothing is split.

    Its float outputs stay the same. A channel is dead where no input as far as those of
    ``statistics``, and HEADROOM further, opens its rectifier. ``importance`` as in RoundingNoise:
    it says what each channel costs in the outputs, and only what gains there is split. Without it,
    costs are errors of the layer that reads. ``per_channel``: whether weights have a step for each
    output channel.
    """
    editor, noise = GraphEditor(graph), RoundingNoise(statistics, importance or {})
    is_same = True
    for chain in list(_chains(editor, statistics)):
        origin, gain = _copied(_cost(editor, chain, noise), chain)
        if noise.is_worth(gain):
            _fill(editor, chain, origin, per_channel)
            is_same = False
    return graph if is_same else editor.graph()


def _chains(editor: GraphEditor, statistics: dict[str, Activation]) -> Iterator[_Chain]:
    found = list(layer_pairs(editor, statistics))
    following = {id(pair.first): pair for pair in found}
    for pair in found:
        if pair.first_kind == "DEPTHWISE_CONV_2D" or pair.rectifier == "NONE":
            continue
        chain = [pair]
        if pair.second_kind == "DEPTHWISE_CONV_2D":
            chain.append(following.get(id(pair.second)))
        if chain[-1] is None or not chain[-1].second_is_pointwise(editor):
            continue
        dead = _dead(editor, pair.first, statistics)
        if dead.any() and not dead.all():
            makes = group_of(len(dead), groups(editor, pair.first))
            reads = group_of(len(dead), groups(editor, chain[-1].second))
            yield _Chain(tuple(chain), dead, makes * len(dead) + reads)


def _dead(editor: GraphEditor, layer, statistics: dict[str, Activation]) -> np.ndarray:
    """The outputs of ``layer`` that a rectifier never lets through, bool [channels]."""
    weights = kernel(editor, layer)
    seen = statistics.get(editor.name(int(layer.inputs[0])))
    if seen is None:
        return np.zeros(len(weights), bool)
    low = HEADROOM * np.minimum(seen.channel_minima, 0)  # 0 is what pads
    high = HEADROOM * np.maximum(seen.channel_maxima, 0)
    if weights.shape[-1] != len(high):  # a reshaped input
        return np.zeros(len(weights), bool)
    largest = np.maximum(weights * low, weights * high).reshape(len(weights), -1).sum(axis=1)
    return editor.read(layer, 2) + largest <= 0


def _fill(editor: GraphEditor, chain: _Chain, origin: np.ndarray, per_channel: bool) -> None:
    matrix = _matrix(editor, chain)
    filled = origin != np.arange(len(origin))
    always = _always(editor, chain, filled)
    editor.write(chain.reader, 2, editor.read(chain.reader, 2) + matrix[:, filled] @ always)
    for layer in chain.layers:
        axis = OUTPUT_AXIS[editor.kind(layer)]
        editor.write(layer, 1, np.take(editor.read(layer, 1), origin, axis))
        editor.write(layer, 2, editor.read(layer, 2)[origin])
    shape = kernel(editor, chain.reader).shape
    set_kernel(editor, chain.reader, _shared(matrix, origin, per_channel).reshape(shape))


def _matrix(editor: GraphEditor, chain: _Chain) -> np.ndarray:
    """The weights of the reader, [rows, channels]."""
    read = kernel(editor, chain.reader)
    return read.reshape(len(read), -1)


def _shared(matrix: np.ndarray, origin: np.ndarray, per_channel: bool) -> np.ndarray:
    """``matrix`` [rows, channels] with each channel's weights shared by its copies, apart by a part
    of a step each: rounded, the shares then add up to the rounded whole (as in the paper, 3.3)."""
    times = np.bincount(origin, minlength=len(origin))[origin]
    shares = matrix[:, origin] / times.astype(np.float32)
    number = np.asarray([np.sum(origin[:i] == origin[i]) for i in range(len(origin))])
    apart = np.where(shares != 0, (number - (times - 1) / 2) / times, 0).astype(np.float32)
    made = shares
    for _ in range(2):  # shares that are moved apart may be the largest, whose step this is
        step = np.abs(made).max(axis=1 if per_channel else None, keepdims=True) / LARGEST
        made = shares + step * apart
    return made


def _always(editor: GraphEditor, chain: _Chain, filled: np.ndarray) -> np.ndarray:
    """The values of the dead channels ``filled``, bool [channels], when they are read, float32."""
    if len(chain.pairs) == 1:
        return np.zeros(int(filled.sum()), np.float32)
    last = chain.pairs[-1]
    lowest = -np.inf if last.rectifier == "NONE" else 0
    return np.clip(editor.read(last.first, 2)[filled], lowest, last.end)


def _cost(editor: GraphEditor, chain: _Chain, noise: RoundingNoise) -> np.ndarray:
    """The cost of rounding each channel, [channels]: in the outputs, or where that is not
    known as squared error in the reader."""
    known = [noise.of(editor.name(int(layer.outputs[0]))) for layer in chain.layers]
    if all(found is not None for found in known):
        return np.sum(known, axis=0)
    matrix = _matrix(editor, chain)
    cost = np.zeros(matrix.shape[1])
    for pair in chain.pairs:
        passed = 1.0
        if pair.second_kind == "DEPTHWISE_CONV_2D":
            passed = (editor.read(pair.second, 1) ** 2).sum(axis=(0, 1, 2))
        cost += pair.activation.step**2 * passed
    return cost * (matrix**2).sum(axis=0)


def _copied(cost: np.ndarray, chain: _Chain) -> tuple[np.ndarray, float]:
    """For each channel the one that it becomes, and what that gains in all; n copies of one leave
    1/n**2 of its cost.

    A dead one stays where no channel of its group is alive.
    """
    origin, total = np.arange(len(cost)), 0.0
    times = np.ones(len(cost))
    for channel in np.flatnonzero(chain.dead):
        copied = np.flatnonzero((chain.group == chain.group[channel]) & ~chain.dead)
        if len(copied):
            gain = cost[copied] / times[copied] ** 2 - cost[copied] / (times[copied] + 1) ** 2
            origin[channel] = copied[gain.argmax()]
            times[origin[channel]] += 1
            total += gain.max()
    return origin, total
