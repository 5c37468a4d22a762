"""From answers to top-1 and agreement."""

from dataclasses import dataclass

import numpy as np

from quantize.fidelity import NO_ANSWER


@dataclass(frozen=True)
class Accuracy:
    """Counts over the same ``images``; None where the right answers, or the answers to agree with,
    are not known. ``top1`` and ``agreement`` are shares in [0, 1]."""

    images: int
    correct: int | None
    agreeing: int | None

    @property
    def top1(self) -> float | None:
        return None if self.correct is None else self.correct / self.images

    @property
    def agreement(self) -> float | None:
        return None if self.agreeing is None else self.agreeing / self.images


def judge(said: np.ndarray, labels: np.ndarray | None, reference: np.ndarray | None) -> Accuracy:
    """Counts how often ``said`` is right and how often it is what ``reference`` says.

    All int64 [n]; ValueError where their lengths differ.
    """
    return Accuracy(len(said), _matching(said, labels), _matching(said, reference))


def _matching(said: np.ndarray, other: np.ndarray | None) -> int | None:
    if other is None:
        return None
    if said.shape != other.shape:
        raise ValueError(f"{len(said)} answers against {len(other)}")
    return int(((said == other) & (said != NO_ANSWER)).sum())
