"""The comparison of one set of outputs with another: SQNR, top-1 agreement, softmax change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.networks.output_tensor import VALUES, OutputTensor, slices

NO_PREDICTION = -1
FLOOR_DB = -100.0  # nothing but noise


@dataclass(frozen=True)
class TensorComparison:
    """Figures of one output of several, as in ComparisonSummary."""

    name: str
    max_abs_error: float
    max_relative_error: float
    cosine: float
    sqnr_db: float | None


@dataclass(frozen=True)
class ComparisonSummary:
    """Figures of outputs against a reference on the same ``images`` images.

    ``max_relative_error`` is the largest absolute error over the largest absolute reference value.
    ``sqnr_db`` is the signal-to-quantization-noise ratio; None where there is no noise at all.
    ``top1_agreement`` is a share in [0, 1]; None where the outputs are no classes. Of several
    outputs each figure is that of the worst, and ``tensors`` has those of each.
    """

    images: int
    max_abs_error: float
    max_relative_error: float
    cosine: float
    sqnr_db: float | None
    top1_agreement: float | None
    tensors: tuple[TensorComparison, ...] = ()


def predictions(outputs: np.ndarray, output_kind: str) -> np.ndarray:
    """The class, int64 [n], that each row of ``outputs`` [n, classes] predicts.

    The lowest of several that tie. A network with one output predicts 1 above probability 0.5
    (logit 0), else 0. A row with a NaN or infinity in it is no prediction, and never right; nor is
    one of "values", which are no classes.
    """
    if output_kind == VALUES:
        return np.full(len(outputs), NO_PREDICTION, np.int64)
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
    [n, classes], ``predictions`` int64 [n], ``probabilities`` float64 [n, classes]; the last is
    None where they are no classes.

    A row that is not finite is NO_PREDICTION and zeros: losing a prediction never looks good.
    """

    values: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray | None

    @classmethod
    def of(cls, outputs: np.ndarray, output_kind: str) -> "Outputs":
        if output_kind == VALUES:
            finite = np.isfinite(outputs).all(axis=1, keepdims=True)
            kept = np.where(finite, outputs, 0.0).astype(np.float64)
            return cls(kept, predictions(outputs, output_kind), None)
        predicted, shares = predictions(outputs, output_kind), probabilities(outputs, output_kind)
        if shares.shape == outputs.shape and output_kind != "logits":
            return cls(shares, predicted, shares)
        finite = np.isfinite(outputs).all(axis=1, keepdims=True)
        return cls(np.where(finite, outputs, 0.0).astype(np.float64), predicted, shares)


class OutputComparison:
    """Sums over two sets of outputs of the same images, added piece by piece.

    ``sqnr_db`` is the signal-to-quantization-noise ratio of all values added; None where there is
    no noise at all, FLOOR_DB where there is nothing else. Of several ``tensors`` it is the lowest,
    as the cosine is. The softmax change of an image is the largest change of any class's
    probability. Of outputs that are no classes, ``agreeing`` and the softmax changes are None.
    """

    def __init__(self, tensors: Sequence[OutputTensor] = ()) -> None:
        self.images = 0
        self.agreeing: int | None = 0
        self.worst_softmax_change: float | None = 0.0
        self._softmax_change = 0.0
        self.places = tuple(slices(tensors)) or (slice(None),)
        self.sums = [_Sums() for _ in self.places]

    def add(self, reference: Outputs, outputs: Outputs) -> None:
        """Some more images."""
        self.images += len(reference.values)
        for place, sums in zip(self.places, self.sums, strict=True):
            sums.add(reference.values[:, place], outputs.values[:, place])
        if reference.probabilities is None:
            self.agreeing = self.worst_softmax_change = None
            return
        predicted = reference.predictions != NO_PREDICTION
        self.agreeing += int(((reference.predictions == outputs.predictions) & predicted).sum())
        change = np.abs(outputs.probabilities - reference.probabilities).max(axis=1)
        lost = (reference.predictions == NO_PREDICTION) | (outputs.predictions == NO_PREDICTION)
        change = np.where(lost, 1.0, change)  # nothing is left of the prediction
        self._softmax_change += float(change.sum())
        self.worst_softmax_change = max(self.worst_softmax_change, float(change.max(initial=0.0)))

    @property
    def sqnr_db(self) -> float | None:
        noisy = [sums.sqnr_db for sums in self.sums if sums.sqnr_db is not None]
        return min(noisy, default=None)

    @property
    def cosine(self) -> float:
        return min(sums.cosine for sums in self.sums)

    @property
    def mean_softmax_change(self) -> float | None:
        return None if self.agreeing is None else self._softmax_change / self.images

    def figures(self) -> dict[str, float | None]:
        """The figures by name, as measurements and drifts keep them; ``agreeing`` is a count."""
        names = ("agreeing", "sqnr_db", "cosine", "mean_softmax_change", "worst_softmax_change")
        return {name: getattr(self, name) for name in names}


class _Sums:
    """The energies of a signal, of what was found in its place, and of the difference."""

    def __init__(self) -> None:
        self.signal = self.found = self.product = self.noise = 0.0

    def add(self, signal: np.ndarray, found: np.ndarray) -> None:
        noise = found - signal
        self.signal += float(np.vdot(signal, signal))
        self.found += float(np.vdot(found, found))
        self.product += float(np.vdot(signal, found))
        self.noise += float(np.vdot(noise, noise))

    @property
    def sqnr_db(self) -> float | None:
        return decibels(self.signal, self.noise)

    @property
    def cosine(self) -> float:
        norms = (self.signal * self.found) ** 0.5
        return self.product / norms if norms else float(not self.noise)


def decibels(signal: float, noise: float) -> float | None:
    """The ratio of two energies in dB, from FLOOR_DB up; None without noise."""
    if not noise:
        return None
    return max(10 * math.log10(signal / noise), FLOOR_DB) if signal else FLOOR_DB


def compare(
    reference: np.ndarray,
    outputs: np.ndarray,
    output_kind: str,
    tensors: Sequence[OutputTensor] = (),
) -> ComparisonSummary:
    """Figures of ``outputs`` against ``reference``, both float [n, k] of one output kind.

    ``tensors``: where there are several, what the rows are made of. Raises ValueError where the
    shapes differ or a value is not finite.
    """
    if reference.shape != outputs.shape or not len(reference):
        raise ValueError(f"outputs have shape {outputs.shape}; the reference {reference.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(outputs).all()):
        raise ValueError("outputs that are not finite cannot be compared")
    several = tensors if len(tensors) > 1 else ()
    found = OutputComparison(several)
    wanted, made = Outputs.of(reference, output_kind), Outputs.of(outputs, output_kind)
    found.add(wanted, made)
    errors = [_errors(wanted.values[:, at], made.values[:, at]) for at in found.places]
    return ComparisonSummary(
        images=found.images,
        max_abs_error=max(error for error, _ in errors),
        max_relative_error=max(relative for _, relative in errors),
        cosine=found.cosine,
        sqnr_db=found.sqnr_db,
        top1_agreement=None if found.agreeing is None else found.agreeing / found.images,
        tensors=tuple(
            TensorComparison(tensor.name, *error, sums.cosine, sums.sqnr_db)
            for tensor, error, sums in zip(several, errors, found.sums, strict=False)
        ),
    )


def _errors(wanted: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """The largest absolute error, and the same over the largest absolute value that is wanted."""
    peak, error = float(np.abs(wanted).max()), float(np.abs(made - wanted).max())
    return error, error / peak if peak else error
