"""The search for int8 with all of its methods, judged on images that it did not see.

A gain of a method on the images that chose it is partly chance: of many methods, those are taken
that chance favoured. What is left of it on other images is what users get.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.studies.sum_ratio import SumRatio
from models.command_line.progress import Report
from models.network import Network
from quantize.evaluate.judgement import Judge
from quantize.evaluate.outputs import outputs
from quantize.graph.graph import Graph
from quantize.graph.network_graph import network_graph
from quantize.methods.methods import Calibration, Stage
from quantize.methods.plan import Plan
from quantize.methods.search import MethodResult, search


@dataclass(frozen=True)
class Images:
    """Preprocessed images float32 [n, h, w, c], no one in two sets; ``labels`` int64 [n] of those
    that are ``held_out``."""

    calibration: np.ndarray
    choosing: np.ndarray
    held_out: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Acceptance:
    """An accepted method beside the form that it began with: by how much it lowered the divergence
    and the noise on the held-out images, and ``chosen_db``, its gain in SQNR on those that chose
    it."""

    method: str
    divergence: SumRatio
    noise: SumRatio
    chosen_db: float


@dataclass(frozen=True)
class Found:
    """The search on one network. ``top1``: of the float network on the held-out images, a share.
    ``left_out``: methods that do not apply to it."""

    top1: float
    acceptances: tuple[Acceptance, ...]
    dropped: tuple[str, ...]
    left_out: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class _Errors:
    """Of each held-out image: the divergence in nats and the squared error of the outputs."""

    divergences: np.ndarray
    noise: np.ndarray


class _HeldOut:
    def __init__(self, graph: Graph, images: np.ndarray, kind: str, threads: int) -> None:
        self._images, self._threads = images, threads
        self._judge = Judge(graph, images, kind, (), threads)
        self.wanted = outputs(graph, images, threads)

    def errors(self, int8_graph: Graph) -> _Errors:
        found = outputs(int8_graph, self._images, self._threads).astype(np.float64)
        noise = ((found - self.wanted) ** 2).sum(axis=1)
        return _Errors(self._judge.judged(int8_graph).distances[:, 0], noise)


def search_judged(network: Network, images: Images, threads: int, report: Report) -> Found:
    """Every method that METHODS=auto takes, each tried whatever is reached; and what each that was
    accepted does to the held-out images. CheckFailed where every method fails."""
    graph, kind = network_graph(network), network.output_kind
    held_out = _HeldOut(graph, images.held_out, kind, threads)
    stages: list[tuple[str, _Errors]] = []

    def on_accepted(method: str, stage: Stage) -> None:
        stages.append((method, held_out.errors(stage.int8_graph)))

    plan = replace(Plan.parse("auto", 0.0), min_sqnr_db=None)
    calibration = Calibration(images.calibration, threads, report)
    result = search(graph, calibration, images.choosing, kind, plan, on_accepted=on_accepted)
    accepted = [tried for tried in result.tried if tried.accepted]
    known = {tried.method for tried in result.tried}
    return Found(
        top1=float(np.mean(held_out.wanted.argmax(axis=1) == images.labels)),
        acceptances=tuple(_acceptances(stages, accepted)),
        dropped=tuple(tried.method for tried in result.tried if not tried.accepted),
        left_out=tuple(method for method in plan.methods if method not in known),
        failures=result.failures,
    )


def _acceptances(stages: list[tuple[str, _Errors]], tried: list[MethodResult]):
    """One for each stage but the first, which takes the place of none."""
    for number in range(1, len(stages)):
        (_, before), (method, after) = stages[number - 1 : number + 1]
        yield Acceptance(
            method,
            SumRatio.of(before.divergences, after.divergences),
            SumRatio.of(before.noise, after.noise),
            tried[number].decibels - tried[number - 1].decibels,
        )
