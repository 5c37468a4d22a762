"""Quantization methods: each makes the next stage of the best one before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from models.command_line import progress
from models.command_line.progress import Report
from quantize.evaluate.judgement import with_logits, without_logits
from quantize.graph.graph import Graph
from quantize.methods import mixed_precision
from quantize.methods.mixed_precision import Goal
from quantize.passes import (
    bias_correction,
    channel_splitting,
    equalization,
    error_feedback,
    hard_swish_scaling,
    learned_rounding,
)
from quantize.ranges.calibration import Activation, calibrate
from quantize.ranges.choose_scale import choose_ranges, fisher_ranges
from quantize.ranges.value_range import Range, covered
from quantize.schemes import int8
from quantize.simulation.importance import Importance, observe
from quantize.simulation.simulation import unknown_kinds
from quantize.training.train import train
from quantize.training.training_set import TrainingSet

CORRECTED_ON = 128  # images at most that layer-by-layer passes keep in memory
GRADIENTS_OF = 32  # images at most: on networks with ImageNet weights as good as 100
LEARNED_ROUNDING = "learned-rounding"  # takes minutes, so it has to be asked for
MIXED_PRECISION = "mixed-precision"  # the one method that has a budget of latency
DISTILLATION = "distillation"  # takes many minutes
# From the float graph, its int8 form, means of the float activations, images and threads: another
# int8 form.
Rounding = Callable[[Graph, Graph, dict[str, np.ndarray], np.ndarray, int], Graph]


@dataclass(frozen=True)
class Stage:
    """The state between two methods: the float form, what was seen of it, and the int8 form.

    ``ranges`` are those of the int8 form, ``kept_float`` the output tensors of the layers that stay
    float in it, ``latency_ratio`` what those cost where it was measured. ``per_channel``: whether
    weights have a scale for each output channel. ``rounding``: what rounds the weights; None: to
    the nearest. ``importance``: what errors in the float form do to its outputs, computed when it
    is first asked for; ``by_importance``: whether ranges go by it. ``notes``: sentences on what did
    not go as it should.
    """

    graph: Graph
    statistics: dict[str, Activation]
    int8_graph: Graph
    ranges: dict[str, Range] = field(default_factory=dict)
    kept_float: frozenset[str] = frozenset()
    latency_ratio: float | None = None
    latency_samples: int | None = None
    per_channel: bool = True
    rounding: Rounding | None = None
    importance: Callable[[], Importance] = Importance
    by_importance: bool = False
    notes: tuple[str, ...] = ()

    @property
    def means(self) -> dict[str, np.ndarray]:
        """The mean of each activation that a layer reads."""
        return {n: a.mean for n, a in self.statistics.items() if a.mean is not None}

    def chosen_ranges(self) -> dict[str, Range]:
        """The range of each activation of the float form."""
        if self.by_importance:
            return fisher_ranges(self.graph, self.statistics, self.importance().histograms)
        return choose_ranges(self.graph, self.statistics, after_softmax=True)

    def quantized(self, chosen: dict[str, Range]) -> "Stage":
        """The same float form as int8 by these ranges."""
        int8_graph = int8.quantize(self.graph, chosen, self.kept_float, self.per_channel)
        return replace(self, int8_graph=int8_graph, ranges=chosen)


@dataclass(frozen=True)
class Calibration:
    """Preprocessed float32 images [n, h, w, c] that the methods may look at.

    ``report`` is told what is being done, and by methods that take long how much of it.
    ``goal``: where to stop spending latency; None for methods that have no budget of it.
    ``training``: what distillation trains on; None: these images. ``teacher``: the float network;
    None: the float form of the stage.
    """

    images: np.ndarray
    threads: int
    report: Report = progress.quiet
    goal: Goal | None = None
    training: TrainingSet | None = None
    teacher: Graph | None = None

    @property
    def every(self) -> int:
        """Each so many-th image is corrected on."""
        return -(-len(self.images) // CORRECTED_ON)

    @property
    def corrected_on(self) -> np.ndarray:
        return self.images[:: self.every]

    def importance(
        self, graph: Graph, statistics: dict[str, Activation]
    ) -> Callable[[], Importance]:
        some = self.images[:: -(-len(self.images) // GRADIENTS_OF)]
        return cache(partial(observe, graph, statistics, some))

    def statistics(self, graph: Graph) -> dict[str, Activation]:
        stream = (image[None] for image in self.images)
        return calibrate(graph, stream, self.threads, self.every)


def _min_max(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    """Min-max ranges and rounding to the nearest, as the usual converters do."""
    yield stage.quantized(choose_ranges(stage.graph, stage.statistics, "min-max"))


def _bias_correction(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    yield _corrected(stage, calibration, bias_correction.correct)


def _error_feedback(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    yield _corrected(stage, calibration, error_feedback.refine, error_feedback.refine)


def _equalization(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    """Channels that share their tensor's steps more evenly, where that gains something."""
    known = stage.importance().channels if stage.per_channel else {}
    graph = equalization.equalize(stage.graph, stage.statistics, stage.per_channel, known)
    if stage.per_channel:
        graph = hard_swish_scaling.scale_channels(graph, stage.statistics, known)
    else:
        graph = equalization.absorb_high_biases(graph, calibration.statistics(graph))
    yield from _changed(stage, graph, calibration)


def _channel_splitting(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    """Copies of the channels that cost most, in the place of dead ones."""
    known = stage.importance().channels
    graph = channel_splitting.split(stage.graph, stage.statistics, known, stage.per_channel)
    yield from _changed(stage, graph, calibration, stage.importance)  # copies are as they were


def _changed(
    stage: Stage,
    graph: Graph,
    calibration: Calibration,
    importance: Callable[[], Importance] | None = None,
) -> Iterator[Stage]:
    """``stage`` with another form of its float graph, which is observed and quantized anew, with
    the logits in the range that their softmax looks at; nothing where all stays as it is.
    ``importance``: that of the new form; None: it is observed when it is asked for."""
    begin = stage
    if graph is not stage.graph:
        statistics = calibration.statistics(graph)
        importance = importance or calibration.importance(graph, statistics)
        stage = replace(stage, graph=graph, statistics=statistics, importance=importance)
    ranges = stage.chosen_ranges()
    if stage is not begin or ranges != stage.ranges:
        yield _rounded(stage.quantized(ranges), calibration)


def _fisher_ranges(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    """Ranges by the effect of what they round and cut off on the outputs."""
    if stage.importance().histograms:
        stage = replace(stage, by_importance=True)
        yield _rounded(stage.quantized(stage.chosen_ranges()), calibration)


def _rounded(stage: Stage, calibration: Calibration) -> Stage:
    """``stage`` with weights rounded, and biases corrected, as they were before."""
    return _corrected(stage, calibration, stage.rounding or bias_correction.correct)


def _learned_rounding(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    report = partial(calibration.report, "learned-rounding, layer")
    rounding = partial(learned_rounding.refine, report=report)
    yield _corrected(stage, calibration, rounding, rounding)


def _mixed_precision(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
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
    yield replace(
        stage,
        int8_graph=found.int8_graph,
        kept_float=found.kept_float,
        latency_ratio=found.latency_ratio,
        latency_samples=found.latency_samples,
    )


def _distillation(stage: Stage, calibration: Calibration) -> Iterator[Stage]:
    """The int8 network trained to give the outputs of the float one, or what labels say."""
    teacher = calibration.teacher or stage.graph
    unknown = sorted({*unknown_kinds(stage.int8_graph), *unknown_kinds(teacher)})
    if unknown:
        raise ValueError(f"no gradient of {', '.join(unknown)} is known; leave distillation out")
    data = calibration.training or TrainingSet(calibration.images)
    pair = with_logits(stage.int8_graph), with_logits(teacher)
    of_classes = None not in pair
    student, wanted = pair if of_classes else (stage.int8_graph, teacher)
    if data.labels is not None and not of_classes:
        raise ValueError("labels can be learned only where a softmax gives the outputs")
    made, notes = train(student, stage.graph, wanted, data, of_classes, calibration.report)
    made = without_logits(made) if of_classes else made
    affine = {name: made.quantization(name) for name in stage.ranges if name in made}
    ranges = {name: covered(found) for name, found in affine.items() if found is not None}
    yield replace(stage, int8_graph=made, ranges={**stage.ranges, **ranges}, notes=notes)


def _corrected(
    stage: Stage, calibration: Calibration, correct: Rounding, rounding: Rounding | None = None
) -> Stage:
    """``stage`` with its int8 form as ``correct`` makes it; ``rounding``: what rounds it from here
    on."""
    images, threads = calibration.corrected_on, calibration.threads
    made = correct(stage.graph, stage.int8_graph, stage.means, images, threads)
    return replace(stage, int8_graph=made, rounding=rounding or stage.rounding)


# Each gives the forms that a stage may take next, of which one is tried on; none where it does not
# apply. Those that change the graph or its ranges round it again as it was.
METHODS: dict[str, Callable[[Stage, Calibration], Iterator[Stage]]] = {
    "min-max": _min_max,
    "bias-correction": _bias_correction,
    "equalization": _equalization,
    "fisher-ranges": _fisher_ranges,
    "error-feedback": _error_feedback,
    "channel-splitting": _channel_splitting,
    LEARNED_ROUNDING: _learned_rounding,
    MIXED_PRECISION: _mixed_precision,
    DISTILLATION: _distillation,
}
