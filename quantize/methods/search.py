"""The ladder: int8 by ever dearer means, up to the first that keeps the answers as asked.

Every rung starts from what the one below it made. Fidelity to the float graph is judged on images
that none of them was calibrated on; no labels are needed.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from quantize.evaluate import latency
from quantize.evaluate.latency import Latency
from quantize.evaluate.output_comparison import ComparisonSummary, compare
from quantize.evaluate.outputs import outputs
from quantize.graph import layer_names
from quantize.graph.graph import Graph
from quantize.methods.methods import RUNGS, Calibration, Stage
from quantize.methods.mixed_precision import Goal
from quantize.methods.plan import Plan
from quantize.passes import hard_swish, partial_sums
from quantize.schemes.scheme import INT8, Scheme


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
class Climb:
    """Where it ended, and every step.

    ``h_swish``: "lowered" where h-swish became ADD and MUL, "none" where the network has none.
    """

    stage: Stage
    chosen: Step
    steps: tuple[Step, ...]
    plan: Plan
    h_swish: str
    scheme: Scheme = INT8

    @property
    def graph(self) -> Graph:
        """The float form, from which other writers start."""
        return self.stage.graph

    @property
    def int8_graph(self) -> Graph:
        return self.stage.int8_graph

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
            f"{self.scheme.name} reaches {self.chosen.decibels:.1f} dB, gate.toml asks for "
            f"{wanted:g}: {self.chosen.rung} is the best of "
            f"{', '.join(step.rung for step in self.steps)}",
        )


def climb(
    graph: Graph,
    calibration: Calibration,
    judge: np.ndarray,
    output_kind: str,
    plan: Plan,
    scheme: Scheme = INT8,
    latencies: Callable[[dict[str, Graph], int], dict[str, Latency]] = latency.in_turns,
) -> Climb:
    """``graph`` as int8, by the first rung of ``plan`` that reaches its target, else by the best.

    ``judge``: preprocessed float32 images [n, h, w, c] to compare with the float graph on.
    ``scheme``: INT8 or INT8_PER_TENSOR. ``latencies`` measures what float layers cost. Raises
    RequestError for a layer to keep float that is not there.
    """
    kept_float = layer_names.find(graph, plan.keep_float)
    names = {tensor: name for name, tensor in layer_names.layer_names(graph).items()}
    wanted = outputs(graph, judge, calibration.threads)

    def judged(int8_graph: Graph) -> ComparisonSummary:
        return compare(wanted, outputs(int8_graph, judge, calibration.threads), output_kind)

    def reached(fidelity: ComparisonSummary) -> bool:
        return plan.min_sqnr_db is not None and _decibels(fidelity.sqnr_db) >= plan.min_sqnr_db

    goal = Goal(lambda made: reached(judged(made)), plan.max_latency_ratio, latencies)
    calibration = replace(calibration, goal=goal)
    lowered = hard_swish.lower(graph)
    statistics = calibration.statistics(lowered)
    centered = partial_sums.center(lowered, statistics)
    if centered is not lowered:
        statistics = calibration.statistics(centered)
    stage = Stage(
        graph=centered,
        statistics=statistics,
        int8_graph=centered,
        kept_float=kept_float,
        per_channel=scheme.per_channel,
    )
    found: list[tuple[Step, Stage]] = []
    for rung in plan.rungs:
        calibration.report(f"{scheme.name} by {rung}")
        start = time.perf_counter()
        stage = RUNGS[rung](stage, calibration)
        seconds = round(time.perf_counter() - start, 2)
        fidelity = judged(stage.int8_graph)
        found.append((_step(rung, fidelity, seconds, stage, names), stage))
        if reached(fidelity):
            break
    chosen, stage = max(found, key=lambda pair: pair[0].decibels)
    return Climb(
        stage=stage,
        chosen=chosen,
        steps=tuple(step for step, _ in found),
        plan=plan,
        h_swish="lowered" if "HARD_SWISH" in graph.op_histogram else "none",
        scheme=scheme,
    )


def _step(
    rung: str, fidelity: ComparisonSummary, seconds: float, stage: Stage, names: dict[str, str]
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
