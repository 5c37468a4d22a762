"""The images that an int8 network is trained on, and the settings of the training."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MIN_IMAGES = 32
HELD_OUT_ONE_IN = 5
STEPS, BATCH = 256, 16
KEPT_IN = Path(".cache/distillation")


@dataclass(frozen=True)
class LearningRates:
    """The largest change of a variable by one step of Adam. ``weights`` and ``biases`` in steps of
    their integers, ``ranges`` as a share."""

    weights: float = 0.005
    biases: float = 0.002
    ranges: float = 1e-3


@dataclass(frozen=True)
class TrainingSet:
    """Preprocessed ``images`` float32 [n, h, w, c], of the kind that the network is used on.

    ``labels`` int64 [n]: to learn from them instead of from the float network. ``steps`` of
    ``batch`` images each. ``kept_in``: the folder where interrupted work is found again.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    steps: int = STEPS
    batch: int = BATCH
    rates: LearningRates = field(default_factory=LearningRates)
    kept_in: Path = KEPT_IN

    @property
    def held_out(self) -> np.ndarray:
        """Indices of the images that nothing is trained on, which decide; ascending."""
        return np.arange(0, len(self.images), HELD_OUT_ONE_IN)

    @property
    def trained_on(self) -> np.ndarray:
        return np.setdiff1d(np.arange(len(self.images)), self.held_out)

    def drawn(self, step: int) -> np.ndarray:
        """Indices of the images of a step, the first being 0: every image once in each round."""
        among = self.trained_on
        numbers = np.arange(step * self.batch, (step + 1) * self.batch)
        rounds = numbers // len(among)
        orders = {n: np.random.default_rng((0, n)).permutation(among) for n in set(rounds)}
        return np.asarray([orders[n][i % len(among)] for n, i in zip(rounds, numbers, strict=True)])
