"""From outputs to answers, and from answers to top-1 and agreement."""

from dataclasses import dataclass

import numpy as np

NO_ANSWER = -1


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


def answers(outputs: np.ndarray, output_kind: str) -> np.ndarray:
    """The class, int64 [n], that each row of ``outputs`` [n, classes] says.

    The lowest of several that tie. A network with one output says 1 above probability 0.5 (logit
    0), else 0. A row with a NaN or infinity in it is no answer, and never right.
    """
    if outputs.shape[1] == 1:
        said = (outputs[:, 0] > (0.0 if output_kind == "logits" else 0.5)).astype(np.int64)
    else:
        said = outputs.argmax(axis=1).astype(np.int64)
    return np.where(np.isfinite(outputs).all(axis=1), said, NO_ANSWER)


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
