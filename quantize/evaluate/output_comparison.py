"""The comparison of one set of outputs with another: SQNR, top-1 agreement, softmax change."""

import math
from dataclasses import dataclass

import numpy as np

NO_PREDICTION = -1
FLOOR_DB = -100.0  # nothing but noise


@dataclass(frozen=True)
class ComparisonSummary:
    """Figures of outputs against a reference on the same ``images`` images.

    ``max_relative_error`` is the largest absolute error over the largest absolute reference value.
    ``sqnr_db`` is the signal-to-quantization-noise ratio; None where there is no noise at all.
    ``top1_agreement`` is a share in [0, 1].
    """

    images: int
    max_abs_error: float
    max_relative_error: float
    cosine: float
    sqnr_db: float | None
    top1_agreement: float


def predictions(outputs: np.ndarray, output_kind: str) -> np.ndarray:
    """The class, int64 [n], that each row of ``outputs`` [n, classes] predicts.

    The lowest of several that tie. A network with one output predicts 1 above probability 0.5
    (logit 0), else 0. A row with a NaN or infinity in it is no prediction, and never right.
    """
    if outputs.shape[1] == 1:
        predicted = (outputs[:, 0] > (0.0 if output_kind == "logits" else 0.5)).astype(np.int64)
    else:
        predicted = outputs.argmax(axis=1).astype(np.int64)
    return np.where(np.isfinite(outputs).all(axis=1), predicted, NO_PREDICTION)


def probabilities(outputs: np.ndarray, output_kind: str) -> np.ndarray:
    """Probabilities float64 [n, classes] of ``outputs`` [n, classes]: logits go through softmax.

    One output tells two classes apart, so it becomes both their probabilities, [n, 2] (logits go
    through the logistic function). A row with a NaN or infinity in it becomes zeros.
    """
    finite = np.isfinite(outputs).all(axis=1, keepdims=True)
    values = np.where(finite, outputs, 0.0).astype(np.float64)
    if outputs.shape[1] == 1:
        one = _logistic(values) if output_kind == "logits" else values
        values = np.concatenate([1 - one, one], axis=1)
    elif output_kind == "logits":
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    return np.where(finite, values, 0.0)


def _logistic(values: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(values))  # never overflows
    return np.where(values < 0, small, 1.0) / (1 + small)


@dataclass(frozen=True)
class Outputs:
    """Outputs of some images, made ready to be compared with others: ``values`` float64
    [n, classes], ``predictions`` int64 [n], ``probabilities`` float64 [n, classes].

    A row that is not finite is NO_PREDICTION and zeros: losing a prediction never looks good.
    """

    values: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, outputs: np.ndarray, output_kind: str) -> "Outputs":
        predicted, shares = predictions(outputs, output_kind), probabilities(outputs, output_kind)
        if shares.shape == outputs.shape and output_kind != "logits":
            return cls(shares, predicted, shares)
        finite = np.isfinite(outputs).all(axis=1, keepdims=True)
        return cls(np.where(finite, outputs, 0.0).astype(np.float64), predicted, shares)


class OutputComparison:
    """Sums over two sets of outputs of the same images, added piece by piece.

    ``sqnr_db`` is the signal-to-quantization-noise ratio of all values added; None where there is
    no noise at all, FLOOR_DB where there is nothing else. The softmax change of an image is the
    largest change of any class's probability.
    """

    def __init__(self) -> None:
        self.images = self.agreeing = 0
        self.worst_softmax_change = 0.0
        self._softmax_change = self._signal = self._found = self._product = self._noise = 0.0

    def add(self, reference: Outputs, outputs: Outputs) -> None:
        """Some more images."""
        predicted = reference.predictions != NO_PREDICTION
        same = (reference.predictions == outputs.predictions) & predicted
        self.images += len(same)
        self.agreeing += int(same.sum())
        self._add_values(reference.values, outputs.values)
        change = np.abs(outputs.probabilities - reference.probabilities).max(axis=1)
        lost = (reference.predictions == NO_PREDICTION) | (outputs.predictions == NO_PREDICTION)
        change = np.where(lost, 1.0, change)  # nothing is left of the prediction
        self._softmax_change += float(change.sum())
        self.worst_softmax_change = max(self.worst_softmax_change, float(change.max(initial=0.0)))

    def _add_values(self, signal: np.ndarray, found: np.ndarray) -> None:
        noise = found - signal
        self._signal += float(np.vdot(signal, signal))
        self._found += float(np.vdot(found, found))
        self._product += float(np.vdot(signal, found))
        self._noise += float(np.vdot(noise, noise))

    @property
    def sqnr_db(self) -> float | None:
        return decibels(self._signal, self._noise)

    @property
    def cosine(self) -> float:
        norms = (self._signal * self._found) ** 0.5
        return self._product / norms if norms else float(not self._noise)

    @property
    def mean_softmax_change(self) -> float:
        return self._softmax_change / self.images

    def figures(self) -> dict[str, float | None]:
        """The figures by name, as measurements and drifts keep them; ``agreeing`` is a count."""
        names = ("agreeing", "sqnr_db", "cosine", "mean_softmax_change", "worst_softmax_change")
        return {name: getattr(self, name) for name in names}


def decibels(signal: float, noise: float) -> float | None:
    """The ratio of two energies in dB, from FLOOR_DB up; None without noise."""
    if not noise:
        return None
    return max(10 * math.log10(signal / noise), FLOOR_DB) if signal else FLOOR_DB


def compare(reference: np.ndarray, outputs: np.ndarray, output_kind: str) -> ComparisonSummary:
    """Figures of ``outputs`` against ``reference``, both float [n, classes] of one output kind.

    Raises ValueError where the shapes differ or a value is not finite.
    """
    if reference.shape != outputs.shape or not len(reference):
        raise ValueError(f"outputs have shape {outputs.shape}; the reference {reference.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(outputs).all()):
        raise ValueError("outputs that are not finite cannot be compared")
    found = OutputComparison()
    wanted, made = Outputs.of(reference, output_kind), Outputs.of(outputs, output_kind)
    found.add(wanted, made)
    peak = float(np.abs(wanted.values).max())
    error = float(np.abs(made.values - wanted.values).max())
    return ComparisonSummary(
        images=found.images,
        max_abs_error=error,
        max_relative_error=error / peak if peak else error,
        cosine=found.cosine,
        sqnr_db=found.sqnr_db,
        top1_agreement=found.agreeing / found.images,
    )
