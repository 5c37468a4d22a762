"""The ladder: int8 by ever dearer means, up to the first that keeps the answers as asked.

Every rung starts from what the one below it made. Fidelity to the float graph is judged on images
that none of them was calibrated on; no labels are needed.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from models.errors import RequestError
from models.source import Source
from quantize import (
    bias_correction,
    equalization,
    error_feedback,
    hard_swish,
    int8,
    latency,
    layer_names,
    mixed_precision,
    ranges,
)
from quantize.calibration import Activation, calibrate
from quantize.fidelity import Fidelity, compare
from quantize.graph import Graph
from quantize.latency import Latency
from quantize.limits import read_max_latency_ratio, read_min_sqnr_db
from quantize.mixed_precision import Goal
from quantize.outputs import outputs
from quantize.ranges import Range

CORRECTED_ON = 128  # images at most that layer-by-layer passes keep in memory
MIXED_PRECISION = "mixed-precision"  # the one rung that costs latency


@dataclass(frozen=True)
class Stage:
    """What a rung hands to the next: the float form, what was seen of it, and the int8 form.

    ``ranges`` are those of the int8 form, ``kept_float`` the output tensors of the layers that stay
    float in it, ``latency_ratio`` what those cost where it was measured.
    """

    graph: Graph
    statistics: dict[str, Activation]
    int8_graph: Graph
    ranges: dict[str, Range] = field(default_factory=dict)
    kept_float: frozenset[str] = frozenset()
    latency_ratio: float | None = None
    latency_samples: int | None = None

    @property
    def means(self) -> dict[str, np.ndarray]:
        """The mean of each activation that a layer reads."""
        return {n: a.mean for n, a in self.statistics.items() if a.mean is not None}

    def quantized(self, chosen: dict[str, Range]) -> "Stage":
        """The same float form as int8 by these ranges."""
        int8_graph = int8.quantize(self.graph, chosen, self.kept_float)
        return replace(self, int8_graph=int8_graph, ranges=chosen)


@dataclass(frozen=True)
class Step:
    """One rung as it was climbed; ``sqnr_db`` is None where int8 and float are the same.

    ``float_layers``: names of the layers that stay float. ``latency_ratio``: what they cost, times
    the latency with every layer int8, medians of ``latency_samples`` each; None if not measured.
    """

    rung: str
    sqnr_db: float | None
    top1_agreement: float
    seconds: float
    float_layers: tuple[str, ...] = ()
    latency_ratio: float | None = None
    latency_samples: int | None = None

    @property
    def decibels(self) -> float:
        """``sqnr_db`` as a number to compare."""
        return _decibels(self.sqnr_db)


@dataclass(frozen=True)
class Plan:
    """Which rungs to try, in order, and the fidelity at which to stop; None: climb them all.

    ``max_latency_ratio``: what layers left float may cost; 1 leaves none. ``keep_float``: names of
    layers that are float on every rung, whatever they cost.
    """

    rungs: tuple[str, ...]
    min_sqnr_db: float | None
    max_latency_ratio: float = 1.0
    keep_float: tuple[str, ...] = ()

    @classmethod
    def parse(cls, rungs: str, min_sqnr_db: float, max_latency_ratio: float = 1.0) -> "Plan":
        """All rungs for ``auto``, else those that ``rungs`` names, by commas; RequestError else.

        Mixed precision is one of them where ``max_latency_ratio`` is above 1.
        """
        may_be_slower = max_latency_ratio > 1
        if rungs == "auto":
            names = tuple(name for name in RUNGS if name != MIXED_PRECISION or may_be_slower)
            return cls(names, min_sqnr_db, max_latency_ratio)
        asked = tuple(rungs.split(","))
        expected = f"expected auto, or min-max and some of the others in order: {','.join(RUNGS)}"
        unknown = [name for name in asked if name not in RUNGS]
        if unknown:
            raise RequestError(f"RUNGS has {unknown[0]!r}; {expected}")
        if asked != tuple(name for name in RUNGS if name in {*asked, "min-max"}):
            raise RequestError(f"RUNGS is {rungs}; {expected}")
        if MIXED_PRECISION in asked and not may_be_slower:
            raise RequestError(
                f"RUNGS has {MIXED_PRECISION}, but gate.toml lets int8 take max_latency_ratio = "
                f"{max_latency_ratio:g} times as long as with every layer int8; expected more than "
                "1: write max_latency_ratio = 1.1 under [int8] in gate.toml"
            )
        return cls(asked, None, max_latency_ratio)

    def for_random_weights(self) -> "Plan":
        """The cheapest: answers of a network that learned nothing are not worth keeping."""
        rungs = self.rungs[:1] if self.min_sqnr_db is not None else self.rungs
        return replace(self, rungs=rungs, min_sqnr_db=None)

    @classmethod
    def of(cls, rungs: str, source: Source, keep_float: str = "") -> "Plan":
        """What ``rungs`` and gate.toml ask for, as far as the weights of ``source`` deserve it.

        ``keep_float``: names of layers, by commas.
        """
        plan = cls.parse(rungs, read_min_sqnr_db(), read_max_latency_ratio())
        plan = replace(plan, keep_float=layer_names.typed(keep_float))
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
            "keep_float": self.plan.keep_float,
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

    ``goal``: where to stop adding what costs latency; None for rungs that add nothing.
    """

    images: np.ndarray
    threads: int
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
    return stage.quantized(ranges.choose(stage.graph, stage.statistics, "min-max"))


def _bias_correction(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, bias_correction.correct)


def _equalization(stage: Stage, calibration: Calibration) -> Stage:
    """Equalized channels, ranges of least squared error, and biases corrected for them."""
    graph = equalization.equalize(stage.graph, stage.statistics)
    statistics = calibration.statistics(graph)
    stage = replace(stage, graph=graph, statistics=statistics)
    stage = stage.quantized(ranges.choose(graph, statistics, "mse"))
    return _corrected(stage, calibration, bias_correction.correct)


def _error_feedback(stage: Stage, calibration: Calibration) -> Stage:
    return _corrected(stage, calibration, error_feedback.refine)


def _mixed_precision(stage: Stage, calibration: Calibration) -> Stage:
    """The layers that int8 hurts most left float, with the biases corrected for that."""
    start = mixed_precision.Start(
        stage.graph, stage.ranges, stage.means, stage.int8_graph, stage.kept_float
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


RUNGS: dict[str, Callable[[Stage, Calibration], Stage]] = {
    "min-max": _min_max,
    "bias-correction": _bias_correction,
    "equalization": _equalization,
    "error-feedback": _error_feedback,
    MIXED_PRECISION: _mixed_precision,
}


def climb(
    graph: Graph,
    calibration: Calibration,
    judge: np.ndarray,
    output_kind: str,
    plan: Plan,
    latencies: Callable[[dict[str, Graph], int], dict[str, Latency]] = latency.in_turns,
) -> Climb:
    """``graph`` as int8, by the first rung of ``plan`` that reaches its target, else by the best.

    ``judge``: preprocessed float32 images [n, h, w, c] to compare with the float graph on.
    ``latencies`` measures what float layers cost. Raises RequestError for a layer to keep float
    that is not there.
    """
    kept_float = layer_names.find(graph, plan.keep_float)
    names = {tensor: name for name, tensor in layer_names.layer_names(graph).items()}
    wanted = outputs(graph, judge, calibration.threads)

    def judged(int8_graph: Graph) -> Fidelity:
        return compare(wanted, outputs(int8_graph, judge, calibration.threads), output_kind)

    def reached(fidelity: Fidelity) -> bool:
        return plan.min_sqnr_db is not None and _decibels(fidelity.sqnr_db) >= plan.min_sqnr_db

    goal = Goal(lambda made: reached(judged(made)), plan.max_latency_ratio, latencies)
    calibration = replace(calibration, goal=goal)
    lowered = hard_swish.lower(graph)
    stage = Stage(lowered, calibration.statistics(lowered), lowered, kept_float=kept_float)
    found: list[tuple[Step, Stage]] = []
    for rung in plan.rungs:
        start = time.perf_counter()
        stage = RUNGS[rung](stage, calibration)
        seconds = round(time.perf_counter() - start, 2)
        fidelity = judged(stage.int8_graph)
        found.append((_step(rung, fidelity, seconds, stage, names), stage))
        if reached(fidelity):
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


def _step(
    rung: str, fidelity: Fidelity, seconds: float, stage: Stage, names: dict[str, str]
) -> Step:
    return Step(
        rung,
        fidelity.sqnr_db,
        fidelity.top1_agreement,
        seconds,
        tuple(names[tensor] for tensor in names if tensor in stage.kept_float),
        stage.latency_ratio,
        stage.latency_samples,
    )


def _decibels(sqnr_db: float | None) -> float:
    return np.inf if sqnr_db is None else sqnr_db
