"""Learned rounding: the objective of AdaRound, Nagel et al. 2020, arXiv 2004.10568, section 3.4.

Each layer's weights are rounded for the least squared error of its outputs after the activation
function, on unlabelled images. The paper relaxes the integers and follows gradients; here they move
on the grid itself: in each output channel the one weight whose step up or down lowers the error
most (greedy coordinate descent, Nair and Suggala 2024, arXiv 2406.17542), again and again, from
where error feedback ended and at most one step away from there. So the error never rises, and what
was learned is what is stored.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quantize.graph.graph import Graph
from quantize.passes import error_feedback
from quantize.passes.error_feedback import DAMPING, LARGEST
from quantize.passes.rounding import Problem, round_layers

ROUNDS = 64  # steps that one output channel may take
CURVATURE_AGED = 16  # rounds after which the curvature is computed anew
ROW_VALUES = 2**22  # weights of the rows that are moved at the same time
KEPT_IN = Path(".cache/rounding")  # layers that are done, should the work be interrupted


def refine(
    graph: Graph,
    int8_graph: Graph,
    means: dict[str, np.ndarray],
    images: np.ndarray,
    threads: int,
    report: Callable[[int, int], None] = lambda done, total: None,
    kept_in: Path = KEPT_IN,
) -> Graph:
    """``int8_graph`` with weights rounded so; see ``round_layers``.

    Each finished layer is kept in the folder ``kept_in`` until all are: interrupted work goes on
    where it ended, also in another process.
    """
    kept: list[Path] = []

    def fit_or_take(problem: Problem) -> np.ndarray:
        path = kept_in / f"{_fingerprint(problem)}.npy"
        kept.append(path)
        if path.exists():
            return np.load(path)
        return _keep(path, fit(problem))

    made = round_layers(graph, int8_graph, means, images, threads, fit_or_take, report)
    for path in kept:
        path.unlink(missing_ok=True)
    return made


def _fingerprint(problem: Problem) -> str:
    """Of all that the result depends on."""
    digest = hashlib.sha256(repr((ROUNDS, DAMPING, CURVATURE_AGED, problem.ends)).encode())
    for array in (problem.inputs, problem.weights, problem.scale, problem.center):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _keep(path: Path, integers: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, integers)
    partial.replace(path)
    return integers


def fit(problem: Problem) -> np.ndarray:
    """int8 weights [problems, rows, taps] of a local minimum of the objective.

    The objective is the squared error of the outputs and, so that few images are not overfitted,
    that of the weights themselves, as much as error feedback gives it.
    """
    start = error_feedback.fit(problem)
    problems, rows, taps = start.shape
    step = max(1, ROW_VALUES // (problems * taps))
    some = (slice(first, first + step) for first in range(0, rows, step))
    found = [_Descent(problem.part(rows=one)).run(start[:, one]) for one in some]
    return np.concatenate(found, axis=1).astype(np.int8)


class _Descent:
    """The descent of one problem; errors are those of outputs [problems, samples, rows]."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.squares = problem.inputs**2
        output = self._output(problem.weights)
        self.wanted = self._activated(output)
        self.stiffness = DAMPING * self._curvature(output).mean(axis=2, keepdims=True)

    def run(self, start: np.ndarray) -> np.ndarray:
        """Integers, as floats, with no larger an objective than ``start`` has."""
        integers = start.astype(np.float32)
        before = self._output(integers * self.problem.scale)
        losses = self._losses(integers, before)
        for step in range(ROUNDS):
            if step % CURVATURE_AGED == 0:
                curvature = self._curvature(before) + self.stiffness
            at, move = self._best_moves(integers, start, before, curvature)
            if not move.any():
                break
            tried = integers.copy()
            np.put_along_axis(tried, at, np.take_along_axis(integers, at, 2) + move, 2)
            columns = np.take_along_axis(self.problem.inputs, at.transpose(0, 2, 1), 2)
            after = before + columns * (move * self.problem.scale).transpose(0, 2, 1)
            found = self._losses(tried, after)
            better = found < losses
            if not better.any():
                break
            integers = np.where(better[..., None], tried, integers)
            before = np.where(better[:, None], after, before)
            losses = np.where(better, found, losses)
        return integers

    def _output(self, weights: np.ndarray) -> np.ndarray:
        return self.problem.inputs @ weights.transpose(0, 2, 1) + self.problem.center

    def _activated(self, output: np.ndarray) -> np.ndarray:
        """After the activation function."""
        return np.clip(output, self.problem.ends.minimum, self.problem.ends.maximum)

    def _passing(self, output: np.ndarray) -> np.ndarray:
        """Bool: the places where the activation function does not cut off."""
        return (output > self.problem.ends.minimum) & (output < self.problem.ends.maximum)

    def _losses(self, integers: np.ndarray, output: np.ndarray) -> np.ndarray:
        """The objective of each row, [problems, rows]."""
        error = ((self._activated(output) - self.wanted) ** 2).sum(axis=1)
        off = integers * self.problem.scale - self.problem.weights
        return error + (self.stiffness * off**2).sum(axis=2)

    def _curvature(self, output: np.ndarray) -> np.ndarray:
        """Half the second derivative of the error along each weight, [problems, rows, taps]."""
        return self._passing(output).astype(np.float32).transpose(0, 2, 1) @ self.squares

    def _best_moves(self, integers, start, output, curvature) -> tuple[np.ndarray, np.ndarray]:
        """The tap of each row to move, [problems, rows, 1], and by how much: 1, -1 or 0."""
        error = np.where(self._passing(output), self._activated(output) - self.wanted, 0)
        off = integers * self.problem.scale - self.problem.weights
        slope = error.transpose(0, 2, 1) @ self.problem.inputs + self.stiffness * off
        move = np.where(slope > 0, -1, 1).astype(np.float32)
        step = move * self.problem.scale
        change = 2 * slope * step + curvature * step**2
        moved = integers + move
        change[(np.abs(moved) > LARGEST) | (np.abs(moved - start) > 1)] = np.inf
        at = change.argmin(axis=2)[..., None]
        gains = np.take_along_axis(change, at, 2) < 0
        return at, np.where(gains, np.take_along_axis(move, at, 2), 0)
