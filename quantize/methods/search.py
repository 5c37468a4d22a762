"""The search for int8: one method after another until the outputs are kept as asked.

Every method starts from the best so far, and takes its place only where it is better beyond the
noise of the measurement. The outputs are compared with those of the float graph on images that no
method was calibrated on; no labels are needed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from models.command_line import progress, unforeseen
from models.command_line.errors import CheckFailed, CommandError
from models.command_line.progress import Report
from models.networks.output_tensor import OutputTensor
from quantize.evaluate import latency
from quantize.evaluate.judgement import Judge, Judged
from quantize.evaluate.latency import Latency
from quantize.graph import layer_names
from quantize.graph.graph import Graph
from quantize.methods.inputs import Inputs
from quantize.methods.methods import METHODS, Calibration, Stage
from quantize.methods.mixed_precision import Goal
from quantize.methods.plan import Plan
from quantize.methods.settings import SETTINGS_FILE
from quantize.passes import hard_swish, partial_sums
from quantize.schemes.registry import Made
from quantize.schemes.scheme import INT8, Scheme

MOST_VALUES = 2**26  # of the outputs of all images together, float32
Latencies = Callable[[dict[str, Graph], int], dict[str, Latency]]


@dataclass(frozen=True)
class MethodResult:
    """One method as it was tried; ``sqnr_db`` is None where int8 and float are the same.

    ``sqnr_interval_db``: its 95 % interval over images. ``accepted``: better than the best before
    it, beyond the noise; what is not is dropped, and the next method starts without it.
    ``float_layers``: names of the layers that stay float. ``latency_ratio``: what they cost, times
    the latency with every layer int8, medians of ``latency_samples`` each; None if not measured.
    """

    method: str
    sqnr_db: float | None
    top1_agreement: float | None
    seconds: float
    float_layers: tuple[str, ...] = ()
    latency_ratio: float | None = None
    latency_samples: int | None = None
    accepted: bool = True
    sqnr_interval_db: tuple[float, float] | None = None

    @property
    def decibels(self) -> float:
        """``sqnr_db`` as a number to compare."""
        return _decibels(self.sqnr_db)


@dataclass(frozen=True)
class SearchResult:
    """The stage that is kept, the method it comes from, and every method that was ``tried``.

    ``h_swish``: "lowered" where h-swish became ADD and MUL, "none" where the network has none.
    ``failures``: a sentence for each method that could not be tried, or not to its end.
    """

    stage: Stage
    chosen: MethodResult
    tried: tuple[MethodResult, ...]
    plan: Plan
    h_swish: str
    scheme: Scheme = INT8
    failures: tuple[str, ...] = ()

    @property
    def graph(self) -> Graph:
        """The float form, from which other writers start."""
        return self.stage.graph

    @property
    def int8_graph(self) -> Graph:
        return self.stage.int8_graph

    def made(self) -> Made:
        """The scheme's graph and what the manifest keeps of the search."""
        described = {
            "chosen": self.chosen.method,
            "min_sqnr_db": self.plan.min_sqnr_db,
            "methods": [asdict(result) for result in self.tried],
            "h_swish": self.h_swish,
            "keep_float": self.plan.keep_float,
        }
        return Made(self.int8_graph, described, self.stage.kept_float, self.warnings())

    def warnings(self) -> tuple[str, ...]:
        """Sentences on methods that failed, and on a fidelity that is not the one asked for."""
        wanted = self.plan.min_sqnr_db
        if wanted is None or self.chosen.decibels >= wanted:
            return self.failures
        return (
            *self.failures,
            f"{self.scheme.name} reaches {self.chosen.decibels:.1f} dB, {SETTINGS_FILE} asks for "
            f"{wanted:g}: {self.chosen.method} is the best of "
            f"{', '.join(result.method for result in self.tried)}",
        )


def search(
    graph: Graph,
    calibration: Calibration,
    evaluation: np.ndarray,
    output_kind: str,
    plan: Plan,
    scheme: Scheme = INT8,
    latencies: Latencies = latency.in_turns,
    tensors: Sequence[OutputTensor] = (),
    on_accepted: Callable[[str, Stage], None] = lambda method, stage: None,
) -> SearchResult:
    """``graph`` as int8, by methods of ``plan`` until its target is reached, or by the best of all.

    ``evaluation``: preprocessed float32 images [n, h, w, c] to compare with the float graph on.
    ``scheme``: INT8 or INT8_PER_TENSOR. ``latencies`` measures what float layers cost.
    ``tensors``: the outputs where there are several; the worst of them counts. ``on_accepted`` is
    told each method that took its place, and its stage. A method that fails costs itself alone.
    Raises RequestError for a layer to keep float that is not there, CheckFailed where every method
    fails.
    """
    values = sum(graph.size(name) for name in graph.outputs)
    evaluation = evaluation[:: max(1, len(evaluation) * values // MOST_VALUES)]
    kept_float = layer_names.find(graph, plan.keep_float)
    judge = Judge(graph, evaluation, output_kind, tensors, calibration.threads)

    reached = partial(_reaches, plan.min_sqnr_db)
    goal = Goal(lambda made: reached(judge.judged(made)), plan.max_latency_ratio, latencies)
    calibration = replace(calibration, goal=goal, teacher=graph)
    stage = replace(_first_stage(graph, calibration, scheme), kept_float=kept_float)
    names = {tensor: name for name, tensor in layer_names.layer_names(graph).items()}
    best: Judged | None = None
    tried: list[MethodResult] = []
    failures: list[str] = []
    for method in plan.methods:
        calibration.report(f"{scheme.name} by {method}")
        start = time.perf_counter()
        try:
            form = _best_form(method, stage, calibration, judge)
        except CommandError:
            raise
        except Exception as error:  # of the quantizer and the runtime, which raise what they like
            failures.append(f"{scheme.name} by {method}: {unforeseen.in_one_line(error)}")
            if tried:
                continue
            break  # the others begin with what the first one quantizes
        if form is None:
            continue
        found, next_stage = form
        seconds = round(time.perf_counter() - start, 2)
        accepted = best is None or found.is_better(best)
        tried.append(_result(method, found, seconds, next_stage, names, accepted))
        failures += next_stage.notes
        if accepted:
            best, stage, chosen = found, next_stage, tried[-1]
            on_accepted(method, stage)
        if reached(best):
            break
    if not tried:
        raise CheckFailed("; ".join(failures))
    return SearchResult(
        stage=stage,
        chosen=chosen,
        tried=tuple(tried),
        plan=plan,
        h_swish="lowered" if "HARD_SWISH" in graph.op_histogram else "none",
        scheme=scheme,
        failures=tuple(failures),
    )


def search_for(inputs: Inputs, threads: int, report: Report = progress.quiet) -> SearchResult:
    """The search that an export of ``inputs`` does for int8."""
    images = Calibration(inputs.calibration, threads, report, training=inputs.training)
    network, plan = inputs.network, inputs.plan
    tensors = network.outputs
    return search(
        inputs.graph, images, inputs.evaluation, network.output_kind, plan, tensors=tensors
    )


def _best_form(
    method: str, stage: Stage, calibration: Calibration, judge: Judge
) -> tuple[Judged, Stage] | None:
    """The form that ``method`` makes of ``stage``, of several the nearest to the float network;
    None where it does not apply."""
    made = [(judge.judged(form.int8_graph), form) for form in METHODS[method](stage, calibration)]
    return min(made, key=lambda pair: pair[0].log_distance, default=None)


def _first_stage(graph: Graph, calibration: Calibration, scheme: Scheme) -> Stage:
    """The float graph as the methods take it: h-swish lowered, partial sums centred, observed."""
    lowered = hard_swish.lower(graph)
    statistics = calibration.statistics(lowered)
    centered = partial_sums.center(lowered, statistics)
    if centered is not lowered:
        statistics = calibration.statistics(centered)
    return Stage(
        graph=centered,
        statistics=statistics,
        int8_graph=centered,
        per_channel=scheme.per_channel,
        importance=calibration.importance(centered, statistics),
    )


def _result(
    method: str,
    found: Judged,
    seconds: float,
    stage: Stage,
    names: dict[str, str],
    accepted: bool,
) -> MethodResult:
    return MethodResult(
        method,
        found.summary.sqnr_db,
        found.summary.top1_agreement,
        seconds,
        tuple(names[tensor] for tensor in names if tensor in stage.kept_float),
        stage.latency_ratio,
        stage.latency_samples,
        accepted,
        found.sqnr_interval_db,
    )


def _reaches(wanted_db: float | None, found: Judged) -> bool:
    return wanted_db is not None and _decibels(found.summary.sqnr_db) >= wanted_db


def _decibels(sqnr_db: float | None) -> float:
    return np.inf if sqnr_db is None else sqnr_db
