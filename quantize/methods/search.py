"""The search for int8: increasingly expensive methods until one keeps the outputs as asked.

Every method starts from what the one before it made. The outputs are compared with those of the
float graph on images that no method was calibrated on; no labels are needed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from models.command_line import progress, unforeseen
from models.command_line.errors import CheckFailed, CommandError
from models.command_line.progress import Report
from models.networks.output_tensor import OutputTensor
from quantize.evaluate import latency
from quantize.evaluate.latency import Latency
from quantize.evaluate.output_comparison import ComparisonSummary, compare
from quantize.evaluate.outputs import outputs
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

    @property
    def decibels(self) -> float:
        """``sqnr_db`` as a number to compare."""
        return _decibels(self.sqnr_db)


@dataclass(frozen=True)
class SearchResult:
    """The stage that is kept, the method it comes from, and every method that was ``tried``.

    ``h_swish``: "lowered" where h-swish became ADD and MUL, "none" where the network has none.
    ``failures``: a sentence for each method that could not be tried.
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
) -> SearchResult:
    """``graph`` as int8, by the first method of ``plan`` that reaches its target, else by the best.

    ``evaluation``: preprocessed float32 images [n, h, w, c] to compare with the float graph on.
    ``scheme``: INT8 or INT8_PER_TENSOR. ``latencies`` measures what float layers cost.
    ``tensors``: the outputs where there are several; the worst of them counts. A method that fails
    costs itself alone. Raises RequestError for a layer to keep float that is not there, CheckFailed
    where every method fails.
    """
    evaluation = _as_memory_holds(graph, evaluation)
    names = {tensor: name for name, tensor in layer_names.layer_names(graph).items()}
    kept_float = layer_names.find(graph, plan.keep_float)
    float_outputs = outputs(graph, evaluation, calibration.threads)

    def evaluated(int8_graph: Graph) -> ComparisonSummary:
        int8_outputs = outputs(int8_graph, evaluation, calibration.threads)
        return compare(float_outputs, int8_outputs, output_kind, tensors)

    def reached(found: ComparisonSummary) -> bool:
        return plan.min_sqnr_db is not None and _decibels(found.sqnr_db) >= plan.min_sqnr_db

    goal = Goal(lambda made: reached(evaluated(made)), plan.max_latency_ratio, latencies)
    calibration = replace(calibration, goal=goal)
    stage = replace(_first_stage(graph, calibration, scheme), kept_float=kept_float)
    tried: list[tuple[MethodResult, Stage]] = []
    failures: list[str] = []
    for method in plan.methods:
        calibration.report(f"{scheme.name} by {method}")
        start = time.perf_counter()
        try:
            made = METHODS[method](stage, calibration)
            seconds = round(time.perf_counter() - start, 2)
            found = evaluated(made.int8_graph)
        except CommandError:
            raise
        except Exception as error:  # of the quantizer and the runtime, which raise what they like
            failures.append(f"{scheme.name} by {method}: {unforeseen.in_one_line(error)}")
            if tried:
                continue
            break  # the others begin with what the first one quantizes
        stage = made
        tried.append((_result(method, found, seconds, stage, names), stage))
        if reached(found):
            break
    if not tried:
        raise CheckFailed("; ".join(failures))
    chosen, stage = max(tried, key=lambda pair: pair[0].decibels)
    return SearchResult(
        stage=stage,
        chosen=chosen,
        tried=tuple(result for result, _ in tried),
        plan=plan,
        h_swish="lowered" if "HARD_SWISH" in graph.op_histogram else "none",
        scheme=scheme,
        failures=tuple(failures),
    )


def search_for(inputs: Inputs, threads: int, report: Report = progress.quiet) -> SearchResult:
    """The search that an export of ``inputs`` does for int8."""
    images = Calibration(inputs.calibration, threads, report)
    network, plan = inputs.network, inputs.plan
    tensors = network.outputs
    return search(
        inputs.graph, images, inputs.evaluation, network.output_kind, plan, tensors=tensors
    )


def _as_memory_holds(graph: Graph, images: np.ndarray) -> np.ndarray:
    """Every so many-th of the images, where the outputs of all, e.g. maps, would be too large."""
    values = sum(int(np.prod(graph.tensor(name).shape)) for name in graph.outputs)
    return images[:: max(1, len(images) * values // MOST_VALUES)]


def _first_stage(graph: Graph, calibration: Calibration, scheme: Scheme) -> Stage:
    """The float graph as the methods take it: h-swish lowered, partial sums centred, observed."""
    lowered = hard_swish.lower(graph)
    statistics = calibration.statistics(lowered)
    centered = partial_sums.center(lowered, statistics)
    if centered is not lowered:
        statistics = calibration.statistics(centered)
    return Stage(centered, statistics, centered, per_channel=scheme.per_channel)


def _result(
    method: str, found: ComparisonSummary, seconds: float, stage: Stage, names: dict[str, str]
) -> MethodResult:
    return MethodResult(
        method,
        found.sqnr_db,
        found.top1_agreement,
        seconds,
        tuple(names[tensor] for tensor in names if tensor in stage.kept_float),
        stage.latency_ratio,
        stage.latency_samples,
    )


def _decibels(sqnr_db: float | None) -> float:
    return np.inf if sqnr_db is None else sqnr_db
