"""Two layers with nothing but a rectifier between: where channels may be rescaled or copied."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.groups import groups
from quantize.ranges.calibration import Activation

HEADROOM = 1.15  # other images reach a little further than those of the calibration
PASSES = {"NONE": np.inf, "RELU": np.inf, "RELU6": 6.0}
INPUT_AXIS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 1}
OUTPUT_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


@dataclass(frozen=True)
class LayerPair:
    """Operators ``first`` and ``second``, and what passes between them on real images.

    ``end`` is where the rectifier cuts off (6 for ReLU6, else infinity).
    """

    first: object
    second: object
    first_kind: str
    second_kind: str
    rectifier: str
    activation: Activation

    @property
    def end(self) -> float:
        return PASSES[self.rectifier]

    def second_is_pointwise(self, editor: GraphEditor) -> bool:
        """True where each output of the second layer sees one place, which no padding touches."""
        weights = editor.read(self.second, 1)
        channels = weights.shape[-1]
        return self.second_kind != "DEPTHWISE_CONV_2D" and weights.size == len(weights) * channels


def layer_pairs(editor: GraphEditor, statistics: dict[str, Activation]) -> Iterator[LayerPair]:
    """Every pair of ``editor`` in execution order; both layers have biases."""
    for first in editor.operators:
        if editor.kind(first) not in LINEAR or editor.activation(first) not in PASSES:
            continue
        between = int(first.outputs[0])
        readers = editor.consumers(between)
        if len(readers) != 1 or editor.is_output(between) or editor.name(between) not in statistics:
            continue
        second = readers[0]
        if editor.kind(second) not in LINEAR or second.inputs[0] != between:
            continue
        if not (_has_constants(editor, first) and _has_constants(editor, second)):
            continue
        activation = statistics[editor.name(between)]
        channels = len(activation.channel_maxima)
        read = editor.read(second, 1).shape[INPUT_AXIS[editor.kind(second)]]
        if read * groups(editor, second) == channels:
            yield LayerPair(
                first=first,
                second=second,
                first_kind=editor.kind(first),
                second_kind=editor.kind(second),
                rectifier=editor.activation(first),
                activation=activation,
            )


def _has_constants(editor: GraphEditor, layer) -> bool:
    """True where the weights are stored, and a bias is."""
    return len(layer.inputs) == 3 and all(editor.reads_constant(layer, i) for i in (1, 2))
