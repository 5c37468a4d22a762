"""Two layers with nothing but a rectifier between: where channels may be rescaled or copied."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import LINEAR
from quantize.graph.graph_editor import Draft
from quantize.graph.groups import groups
from quantize.ranges.calibration import Activation

HEADROOM = 1.15  # other images reach a little further than those of the calibration
PASSES = {"NONE": np.inf, "RELU": np.inf, "RELU6": 6.0}
INPUT_AXIS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 1}
OUTPUT_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


@dataclass(frozen=True)
class Pair:
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

    def second_is_pointwise(self, draft: Draft) -> bool:
        """Whether each output of the second layer sees one place, which no padding touches."""
        weights = draft.read(self.second, 1)
        channels = weights.shape[-1]
        return self.second_kind != "DEPTHWISE_CONV_2D" and weights.size == len(weights) * channels


def pairs(draft: Draft, statistics: dict[str, Activation]) -> Iterator[Pair]:
    """Every pair of ``draft`` in execution order; both layers have biases."""
    for first in draft.operators:
        if draft.kind(first) not in LINEAR or draft.activation(first) not in PASSES:
            continue
        between = int(first.outputs[0])
        readers = draft.consumers(between)
        if len(readers) != 1 or draft.is_output(between) or draft.name(between) not in statistics:
            continue
        second = readers[0]
        if draft.kind(second) not in LINEAR or second.inputs[0] != between:
            continue
        activation = statistics[draft.name(between)]
        channels = len(activation.channel_maxima)
        read = draft.read(second, 1).shape[INPUT_AXIS[draft.kind(second)]]
        fits = read * groups(draft, second) == channels
        if fits and all(len(o.inputs) == 3 and o.inputs[2] >= 0 for o in (first, second)):
            yield Pair(
                first=first,
                second=second,
                first_kind=draft.kind(first),
                second_kind=draft.kind(second),
                rectifier=draft.activation(first),
                activation=activation,
            )
