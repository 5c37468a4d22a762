"""Quantization methods, increasingly expensive: each makes the next stage of the one before."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from models.command_line import progress
from models.command_line.progress import Report
from quantize.graph.graph import Graph
from quantize.methods import mixed_precision
from quantize.methods.mixed_precision import Goal
from quantize.passes import (
    bias_correction,
    channel_splitting,
    equalization,
    error_feedback,
    learned_rounding,
)
from quantize.ranges.calibration import Activation, calibrate
from quantize.ranges.choose_scale import choose_ranges
from quantize.ranges.value_range import Range
from quantize.schemes import int8

CORRECTED_ON = 128  # images at most that layer-by-layer passes keep in memory
MIXED_PRECISION = "mixed-precision"  # the one method that costs latency


@dataclass(frozen=True)
class Stage:
    """The state between two methods: the float form, what was seen of it, and the int8 form.

    ``ranges`` are those of the int8 form, ``kept_float`` the output tensors of the layers that stay
    float in it, ``latency_ratio`` what those cost where it was measured. ``per_channel``: whether
    weights have a scale for each output channel.
    """

    graph: Graph
    statistics: dict[str, Activation]
    int8_graph: Graph
    ranges: dict[str, Range] = field(default_factory=dict)
    kept_float: frozenset[str] = frozenset()
    latency_ratio: float | None = None
    latency_samples: int | None = None
    per_channel: bool = True

    @property
    def means(self) -> dict[str, np.ndarray]:
        """The mean of each activation that a layer reads."""
        return {n: a.mean for n, a in self.statistics.items() if a.mean is not None}

    def quantized(self, chosen: dict[str, Range]) -> "Stage":
        """The same float form as int8 by these ranges."""
        int8_graph = int8.quantize(self.graph, chosen, self.kept_float, self.per_channel)
        return replace(self, int8_graph=int8_graph, ranges=chosen)


@dataclass(frozen=True)
class Calibration:
    """Preprocessed float32 images [n, h, w, c] that the methods may look at.

    ``report`` is told what is being done, and by methods that take long how much of it.
    ``goal``: where to stop adding what costs latency; None for methods that add nothing.
    """

    images: np.ndarray
    threads: int
    report: Report = progress.quiet
    goal: Goal | None = None

    @property
    def every(self) -> int:
        """Each so many-th image is corrected on."""
        return -(-len(self.images) // CORRECTED_ON)

    @property
    def corrected_on(self) -> np.ndarray:
        return self.images[:: self.every]

    def statistics(self, graph: Graph) -> dict[str, Activation]:
        stream = (image[None] for image in self.images)
        return calibrate(graph, stream, self.threads, self.every)


def _min_max(stage: Stage, calibration: Calibration) -> Stage:
    """Min-max ranges and rounding to the nearest, as the usual converters do."""
    return stage.quantized(choose_ranges(stage.graph, stage.statistics, "min-max"))


def _bias_correction(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, bias_correction.correct)


def _equalization(stage: Stage, calibration: Calibration) -> Stage:
    """Equalized channels, logits in the range that their softmax looks at, biases corrected."""
    graph = equalization.equalize(stage.graph, stage.statistics, stage.per_channel)
    if not stage.per_channel:
        graph = equalization.absorb_high_biases(graph, calibration.statistics(graph))
    return _changed(stage, graph, calibration)


def _channel_splitting(stage: Stage, calibration: Calibration) -> Stage:
    """Copies of the channels that cost most, in the place of dead ones."""
    return _changed(stage, channel_splitting.split(stage.graph, stage.statistics), calibration)


def _changed(stage: Stage, graph: Graph, calibration: Calibration) -> Stage:
    """``stage`` with another form of its float graph, which is observed and quantized anew."""
    statistics = calibration.statistics(graph)
    stage = replace(stage, graph=graph, statistics=statistics)
    stage = stage.quantized(choose_ranges(graph, statistics, after_softmax=True))
    return _corrected(stage, calibration, bias_correction.correct)


def _error_feedback(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, error_feedback.refine)


def _learned_rounding(stage: Stage, calibration: Calibration) -> Stage:
    report = partial(calibration.report, "learned-rounding, layer")
    return _corrected(stage, calibration, partial(learned_rounding.refine, report=report))


def _mixed_precision(stage: Stage, calibration: Calibration) -> Stage:
    """The layers that int8 hurts most left float, with the biases corrected for that."""
    start = mixed_precision.Start(
        graph=stage.graph,
        ranges=stage.ranges,
        means=stage.means,
        int8_graph=stage.int8_graph,
        kept_float=stage.kept_float,
        per_channel=stage.per_channel,
    )
    found = mixed_precision.search(
        start, calibration.corrected_on, calibration.threads, calibration.goal
    )
    return replace(
        stage,
        int8_graph=found.int8_graph,
        kept_float=found.kept_float,
        latency_ratio=found.latency_ratio,
        latency_samples=found.latency_samples,
    )


def _corrected(stage: Stage, calibration: Calibration, correct) -> Stage:
    images, threads = calibration.corrected_on, calibration.threads
    made = correct(stage.graph, stage.int8_graph, stage.means, images, threads)
    return replace(stage, int8_graph=made)


METHODS: dict[str, Callable[[Stage, Calibration], Stage]] = {
    "min-max": _min_max,
    "bias-correction": _bias_correction,
    "equalization": _equalization,
    "channel-splitting": _channel_splitting,
    "error-feedback": _error_feedback,
    "learned-rounding": _learned_rounding,
    MIXED_PRECISION: _mixed_precision,
}
