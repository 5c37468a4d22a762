"""Channels scaled through an h-swish, so that each fills its tensor's range.

An h-swish bends, so that no factor passes through it (Nagel et al. 2019 equalize rectifiers alone).
But ``x * relu6(x + 3)`` is a product, of which the first may have any scale where the second undoes
it: ``k * x`` times ``relu6(k * x / k + 3)`` is k times as much. That gate is a depthwise layer of
one weight and one bias a channel, which takes the place of the addition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.passes.equalization import HEADROOM
from quantize.passes.layer_pair import OUTPUT_AXIS
from quantize.passes.rounding_noise import RoundingNoise
from quantize.ranges.bounds import GATE, H_SWISH_MINIMUM, gates_of
from quantize.ranges.calibration import Activation
from quantize.ranges.value_range import LEVELS


@dataclass(frozen=True)
class _Place:
    """A lowered h-swish: the operators that make x, the gate and the product, and the depthwise
    layer that reads it; names of x, gate and product."""

    maker: object
    gate: object
    reader: object
    names: tuple[str, str, str]


def scale_channels(
    graph: Graph, statistics: Mapping[str, Activation], importance: Mapping[str, np.ndarray]
) -> Graph:
    """``graph`` with channels so scaled where that takes away rounding noise, itself where none is.

    Its float outputs stay the same. Between layers whose weights have a scale for each channel
    alone: a layer before, and a depthwise one after. ``importance`` as in RoundingNoise; nothing is
    scaled where it says nothing.
    """
    editor, noise = GraphEditor(graph), RoundingNoise(statistics, importance)
    is_same = True
    for place in list(_places(graph, editor)):
        if not all(name in importance and name in statistics for name in place.names):
            continue
        maxima = statistics[place.names[0]].channel_maxima.astype(np.float64)
        factors = _wanted(maxima)
        known = [importance[name] for name in place.names]
        gain = _noise(maxima, np.ones_like(maxima), *known) - _noise(maxima, factors, *known)
        if noise.is_worth(gain):
            _scale(editor, place, factors.astype(np.float32))
            is_same = False
    return graph if is_same else editor.graph()


def _places(graph: Graph, editor: GraphEditor) -> Iterator[_Place]:
    gates = gates_of(graph)
    for gate in editor.of_kind("ADD"):
        x, opened = int(gate.inputs[0]), int(gate.outputs[0])
        if editor.name(opened) not in gates:
            continue
        maker, products = editor.producer(x), editor.consumers(opened)
        if maker is None or editor.kind(maker) not in LINEAR or len(products) != 1:
            continue
        product = products[0]
        z = int(product.outputs[0])
        readers = editor.consumers(z)
        if (
            editor.activation(maker) == editor.activation(product) == "NONE"
            and editor.kind(product) == "MUL"
            and {id(user) for user in editor.consumers(x)} == {id(gate), id(product)}
            and not any(editor.is_output(index) for index in (x, opened, z))
            and len(maker.inputs) == 3
            and editor.reads_constant(maker, 1)
            and editor.reads_constant(maker, 2)
            and len(readers) == 1
            and _filters_each(editor, readers[0], z)
        ):
            names = tuple(editor.name(index) for index in (x, opened, z))
            yield _Place(maker, gate, readers[0], names)


def _filters_each(editor: GraphEditor, reader, index: int) -> bool:
    """True where ``reader`` is a depthwise layer with one stored filter for each channel."""
    return (
        editor.kind(reader) == "DEPTHWISE_CONV_2D"
        and int(reader.inputs[0]) == index
        and editor.reads_constant(reader, 1)
        and editor.read(reader, 1).shape[-1] == int(editor.tensor(index).shape[-1])
    )


def _wanted(maxima: np.ndarray) -> np.ndarray:
    """The factor of each channel: its room then ends where that of the largest does. Below -3 an
    h-swish needs no room, above it has as much to its 3 on the other side."""
    largest = maxima.max()
    return largest / np.clip(HEADROOM * maxima, GATE.maximum, max(largest, GATE.maximum))


def _noise(
    maxima: np.ndarray,
    factors: np.ndarray,
    of_input: np.ndarray,
    of_gate: np.ndarray,
    of_product: np.ndarray,
) -> float:
    """The noise in the outputs, up to what all these have in common; of a gate that is an addition,
    which rounds nothing, where no factor is other than 1."""
    above = (factors * maxima).max()
    products = factors * maxima * np.clip(maxima + GATE.maximum, 0, 2 * GATE.maximum)
    input_step = above - GATE.minimum * factors.max()
    product_step = products.max() - 6 * H_SWISH_MINIMUM * factors.max()
    noise = input_step**2 * (of_input / factors**2).sum()
    noise += product_step**2 * (of_product / factors**2).sum()
    if (factors != 1).any():
        noise += (2 * GATE.maximum) ** 2 * of_gate.sum()
    return float(noise) / (LEVELS - 1) ** 2


def _scale(editor: GraphEditor, place: _Place, factors: np.ndarray) -> None:
    """Let the layer before make ``factors`` times as much, and the one after take it."""
    shape = [1] * editor.read(place.maker, 1).ndim
    shape[OUTPUT_AXIS[editor.kind(place.maker)]] = -1
    editor.write(place.maker, 1, editor.read(place.maker, 1) * factors.reshape(shape))
    editor.write(place.maker, 2, editor.read(place.maker, 2) * factors)
    editor.write(place.reader, 1, editor.read(place.reader, 1) / factors)
    name = place.names[1]
    weights = editor.add_constant(f"{name}/undone", (1 / factors).reshape(1, 1, 1, -1))
    threes = editor.add_constant(f"{name}/threes", np.full_like(factors, GATE.maximum))
    inputs = [int(place.gate.inputs[0]), weights, threes]
    made = editor.operator("DEPTHWISE_CONV_2D", inputs, int(place.gate.outputs[0]), "RELU6")
    editor.replace(place.gate, [made])
