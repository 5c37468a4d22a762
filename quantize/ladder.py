"""The ladder: int8 by ever dearer means, up to the first that keeps the answers as asked.

Every rung starts from what the one below it made. Fidelity to the float graph is judged on images
that none of them was calibrated on; no labels are needed.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from models.errors import RequestError
from models.progress import Report
from models.source import Source
from quantize import (
    bias_correction,
    channel_splitting,
    equalization,
    error_feedback,
    hard_swish,
    int8,
    learned_rounding,
    ranges,
)
from quantize.calibration import Activation, calibrate
from quantize.fidelity import compare
from quantize.graph import Graph
from quantize.layer import quantized_images
from quantize.limits import read_min_sqnr_db
from quantize.segment import run

CORRECTED_ON = 128  # images at most that layer-by-layer passes keep in memory


@dataclass(frozen=True)
class Stage:
    """What a rung hands to the next: the float form, what was seen of it, and the int8 form."""

    graph: Graph
    statistics: dict[str, Activation]
    int8_graph: Graph


@dataclass(frozen=True)
class Step:
    """One rung as it was climbed; ``sqnr_db`` is None where int8 and float are the same."""

    rung: str
    sqnr_db: float | None
    top1_agreement: float
    seconds: float

    @property
    def decibels(self) -> float:
        """``sqnr_db`` as a number to compare."""
        return np.inf if self.sqnr_db is None else self.sqnr_db


@dataclass(frozen=True)
class Plan:
    """Which rungs to try, in order, and the fidelity at which to stop; None: climb them all."""

    rungs: tuple[str, ...]
    min_sqnr_db: float | None

    @classmethod
    def parse(cls, rungs: str, min_sqnr_db: float) -> "Plan":
        """All rungs for ``auto``, else those that ``rungs`` names, by commas; RequestError else."""
        if rungs == "auto":
            return cls(tuple(RUNGS), min_sqnr_db)
        asked = tuple(rungs.split(","))
        expected = f"expected auto, or min-max and some of the others in order: {','.join(RUNGS)}"
        unknown = [name for name in asked if name not in RUNGS]
        if unknown:
            raise RequestError(f"RUNGS has {unknown[0]!r}; {expected}")
        if asked != tuple(name for name in RUNGS if name in {*asked, "min-max"}):
            raise RequestError(f"RUNGS is {rungs}; {expected}")
        return cls(asked, None)

    def for_random_weights(self) -> "Plan":
        """The cheapest: answers of a network that learned nothing are not worth keeping."""
        return Plan(self.rungs[:1] if self.min_sqnr_db is not None else self.rungs, None)

    @classmethod
    def of(cls, rungs: str, source: Source) -> "Plan":
        """What ``rungs`` and gate.toml ask for, as far as the weights of ``source`` deserve it."""
        plan = cls.parse(rungs, read_min_sqnr_db())
        return plan.for_random_weights() if has_random_weights(source) else plan


def has_random_weights(source: Source) -> bool:
    """Whether no figure of accuracy means anything."""
    return source.identity().get("weights") == "random"


@dataclass(frozen=True)
class Climb:
    """Where it ended: the int8 graph, its float form (for other writers), and every step.

    ``h_swish``: "lowered" where h-swish became ADD and MUL, "none" where the network has none.
    """

    int8_graph: Graph
    graph: Graph
    chosen: Step
    steps: tuple[Step, ...]
    plan: Plan
    h_swish: str

    def described(self) -> dict:
        """What the manifest keeps of it; JSON-able."""
        return {
            "chosen": self.chosen.rung,
            "min_sqnr_db": self.plan.min_sqnr_db,
            "rungs": [asdict(step) for step in self.steps],
            "h_swish": self.h_swish,
        }

    def caveats(self) -> tuple[str, ...]:
        """A sentence where the fidelity that was asked for is not reached."""
        wanted = self.plan.min_sqnr_db
        if wanted is None or self.chosen.decibels >= wanted:
            return ()
        return (
            f"int8 reaches {self.chosen.decibels:.1f} dB, gate.toml asks for {wanted:g}: "
            f"{self.chosen.rung} is the best of {', '.join(step.rung for step in self.steps)}",
        )


@dataclass(frozen=True)
class Calibration:
    """Preprocessed float32 images [n, h, w, c] that the rungs may look at.

    ``report`` is told what is being done, and by rungs that take long how much of it.
    """

    images: np.ndarray
    threads: int
    report: Report = lambda doing, done=0, total=None: None

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
    chosen = ranges.choose(stage.graph, stage.statistics, "min-max")
    return replace(stage, int8_graph=int8.quantize(stage.graph, chosen))


def _bias_correction(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, bias_correction.correct)


def _equalization(stage: Stage, calibration: Calibration) -> Stage:
    """Equalized channels, ranges of least squared error, and biases corrected for them."""
    return _changed(equalization.equalize(stage.graph, stage.statistics), calibration)


def _channel_splitting(stage: Stage, calibration: Calibration) -> Stage:
    return _changed(channel_splitting.split(stage.graph, stage.statistics), calibration)


def _changed(graph: Graph, calibration: Calibration) -> Stage:
    statistics = calibration.statistics(graph)
    int8_graph = int8.quantize(graph, ranges.choose(graph, statistics, "mse"))
    stage = Stage(graph, statistics, int8_graph)
    return _corrected(stage, calibration, bias_correction.correct)


def _error_feedback(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, error_feedback.refine)


def _learned_rounding(stage: Stage, calibration: Calibration) -> Stage:
    report = partial(calibration.report, "learned-rounding, layer")
    return _corrected(stage, calibration, partial(learned_rounding.refine, report=report))


def _corrected(stage: Stage, calibration: Calibration, correct) -> Stage:
    means = {n: a.mean for n, a in stage.statistics.items() if a.mean is not None}
    return replace(
        stage,
        int8_graph=correct(
            stage.graph, stage.int8_graph, means, calibration.corrected_on, calibration.threads
        ),
    )


RUNGS: dict[str, Callable[[Stage, Calibration], Stage]] = {
    "min-max": _min_max,
    "bias-correction": _bias_correction,
    "equalization": _equalization,
    "channel-splitting": _channel_splitting,
    "error-feedback": _error_feedback,
    "learned-rounding": _learned_rounding,
}


def climb(
    graph: Graph,
    calibration: Calibration,
    judge: np.ndarray,
    output_kind: str,
    plan: Plan,
) -> Climb:
    """``graph`` as int8, by the first rung of ``plan`` that reaches its target, else by the best.

    ``judge``: preprocessed float32 images [n, h, w, c] to compare with the float graph on.
    """
    wanted = outputs(graph, judge, calibration.threads)
    lowered = hard_swish.lower(graph)
    stage = Stage(lowered, calibration.statistics(lowered), lowered)
    found: list[tuple[Step, Stage]] = []
    for rung in plan.rungs:
        calibration.report(f"int8 by {rung}")
        start = time.perf_counter()
        stage = RUNGS[rung](stage, calibration)
        seconds = round(time.perf_counter() - start, 2)
        fidelity = compare(
            wanted, outputs(stage.int8_graph, judge, calibration.threads), output_kind
        )
        step = Step(rung, fidelity.sqnr_db, fidelity.top1_agreement, seconds)
        found.append((step, stage))
        if plan.min_sqnr_db is not None and step.decibels >= plan.min_sqnr_db:
            break
    chosen, stage = max(found, key=lambda pair: pair[0].decibels)
    return Climb(
        int8_graph=stage.int8_graph,
        graph=stage.graph,
        chosen=chosen,
        steps=tuple(step for step, _ in found),
        plan=plan,
        h_swish="lowered" if "HARD_SWISH" in graph.op_histogram else "none",
    )


def outputs(graph: Graph, images: np.ndarray, threads: int) -> np.ndarray:
    """Real outputs float32 [n, classes] of a float or int8 graph for preprocessed images."""
    name = graph.outputs[0]
    fed = images if graph.quantization(graph.inputs[0]) is None else quantized_images(graph, images)
    found = run(graph, {graph.inputs[0]: fed}, threads)[name]
    affine = graph.quantization(name)
    if affine is not None:
        found = (found.astype(np.float32) - affine.zero_point) * affine.scale
    return found.reshape(len(found), -1).astype(np.float32)
