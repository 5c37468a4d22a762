"""From outputs to accuracy: what a file gets right, and how far its outputs are from Keras's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.data.dataset import Dataset
from models.networks.output_tensor import VALUES, OutputTensor
from quantize.evaluate.output_comparison import NO_PREDICTION, OutputComparison, Outputs

CHUNK_VALUES = 2**18  # outputs in memory at a time
TOP_5 = 5
CLASSES_SHOWN = 10
FLIPS_SHOWN = 10


@dataclass(frozen=True)
class ClassChange:
    """Of the ``images`` of class ``label``: how many Keras and how many the file got right."""

    label: int
    name: str
    images: int
    keras_correct: int
    correct: int


@dataclass(frozen=True)
class Flip:
    """An image whose prediction changed: ``keras`` by Keras, ``said`` by the file. ``certainty``
    is the probability that Keras gives its prediction."""

    index: int
    item: str
    label: int | None
    keras: int
    said: int
    certainty: float


@dataclass(frozen=True)
class Accuracy:
    """Figures over the same ``images``; None where the labels, or the outputs to agree
    with, are not known.

    ``correct`` and ``correct_top5`` count right predictions, ``agreeing`` those that Keras makes
    too (in a gate's record: the float32 file, which takes the place of Keras everywhere here); None
    of outputs that are no classes. ``sqnr_db`` (None: no noise) and ``cosine`` are of all outputs
    against those of Keras, of several outputs those of the worst. The softmax change of an image is
    the largest change of any class's probability.
    ``classes`` has the classes whose count of right predictions changed, the most changed first;
    ``flips`` the ten images that Keras was surest of among those with another prediction.
    """

    images: int
    correct: int | None
    agreeing: int | None
    correct_top5: int | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    mean_softmax_change: float | None = None
    worst_softmax_change: float | None = None
    classes: tuple[ClassChange, ...] = ()
    flips: tuple[Flip, ...] = ()

    @property
    def top1(self) -> float | None:
        return None if self.correct is None else self.correct / self.images

    @property
    def top5(self) -> float | None:
        return None if self.correct_top5 is None else self.correct_top5 / self.images

    @property
    def agreement(self) -> float | None:
        return None if self.agreeing is None else self.agreeing / self.images


def evaluate(
    outputs: np.ndarray,
    labels: np.ndarray | None,
    reference: np.ndarray | None,
    output_kind: str,
    indices: np.ndarray,
    dataset: Dataset,
    tensors: Sequence[OutputTensor] = (),
) -> Accuracy:
    """Accuracy of ``outputs`` float32 [n, classes], which may be a memory-mapped file.

    ``labels`` int64 [n], None where not known. ``reference``: Keras's outputs of the
    same shape, None where there are none. Row i is the image of ``dataset`` at ``indices[i]``.
    ``tensors``: what the rows are made of, where there are several. Outputs of the kind "values"
    are no classes: labels say nothing about them. ValueError where the numbers of rows or classes
    differ.
    """
    labels = None if output_kind == VALUES else labels
    _check(outputs, labels, reference, indices)
    right = _Right(outputs.shape[1], dataset.class_names) if labels is not None else None
    comparison = OutputComparison(tensors) if reference is not None else None
    flips: list[Flip] = []
    for rows in chunks(outputs):
        found = Outputs.of(outputs[rows], output_kind)
        wanted = Outputs.of(reference[rows], output_kind) if comparison else None
        known = labels[rows] if right else None
        if right:
            right.add(found, wanted, known)
        if comparison:
            comparison.add(wanted, found)
            flips = _surest([*flips, *_flips(wanted, found, known, indices[rows], dataset)])
    compared = comparison.figures() if comparison else {"agreeing": None}
    return Accuracy(
        images=len(outputs),
        correct=right.correct if right else None,
        correct_top5=right.correct_top5 if right else None,
        classes=right.changes() if right and comparison else (),
        flips=tuple(flips),
        **compared,
    )


def chunks(outputs: np.ndarray) -> Iterator[slice]:
    """Rows of ``outputs`` [n, classes], so many at a time as memory should hold."""
    rows = max(1, CHUNK_VALUES // max(1, outputs.shape[1]))
    for start in range(0, len(outputs), rows):
        yield slice(start, start + rows)


def _check(outputs, labels, reference, indices) -> None:
    if not len(outputs):
        raise ValueError("there are no outputs to evaluate")
    if reference is not None and reference.shape != outputs.shape:
        raise ValueError(f"outputs have shape {outputs.shape}; the reference {reference.shape}")
    for name, rows in (("labels", labels), ("indices", indices)):
        if rows is not None and len(rows) != len(outputs):
            raise ValueError(f"{len(rows)} {name} for {len(outputs)} rows of outputs")


class _Right:
    """Counts of right predictions, of all images and of each class."""

    def __init__(self, outputs: int, class_names: tuple[str, ...]) -> None:
        self.class_names = class_names
        self.correct = 0
        # Of five classes or fewer the top five are all there are.
        self.correct_top5 = 0 if outputs > TOP_5 else None
        classes = max(outputs, 2)
        self.images, self.ours, self.keras = (np.zeros(classes, np.int64) for _ in range(3))

    def add(self, found: Outputs, wanted: Outputs | None, labels: np.ndarray) -> None:
        classes = len(self.images)
        right = found.predictions == labels
        self.correct += int(right.sum())
        if self.correct_top5 is not None:
            self.correct_top5 += int(_in_top5(found, labels).sum())
        self.images += np.bincount(labels, minlength=classes)
        self.ours += np.bincount(labels[right], minlength=classes)
        if wanted is not None:
            self.keras += np.bincount(labels[wanted.predictions == labels], minlength=classes)

    def changes(self) -> tuple[ClassChange, ...]:
        change = np.abs(self.ours - self.keras)
        order = np.argsort(-change, kind="stable")[:CLASSES_SHOWN]
        return tuple(
            ClassChange(
                label=int(label),
                name=self.class_names[label] if label < len(self.class_names) else str(label),
                images=int(self.images[label]),
                keras_correct=int(self.keras[label]),
                correct=int(self.ours[label]),
            )
            for label in order
            if change[label]
        )


def _in_top5(found: Outputs, labels: np.ndarray) -> np.ndarray:
    """True [n] where the label is among the five largest; the lowest class first where they tie."""
    score = np.take_along_axis(found.values, labels[:, None], axis=1)
    ahead = (found.values == score) & (np.arange(found.values.shape[1]) < labels[:, None])
    rank = ((found.values > score) | ahead).sum(axis=1)
    return (rank < TOP_5) & (found.predictions != NO_PREDICTION)


def _flips(
    wanted: Outputs,
    found: Outputs,
    labels: np.ndarray | None,
    indices: np.ndarray,
    dataset: Dataset,
) -> Iterator[Flip]:
    """The images of a chunk with another prediction than Keras's, as far as one may be shown."""
    if wanted.probabilities is None:
        return
    flipped = np.flatnonzero(
        (found.predictions != wanted.predictions) & (wanted.predictions != NO_PREDICTION)
    )
    certainty = wanted.probabilities[flipped, wanted.predictions[flipped]]
    for at in np.argsort(-certainty, kind="stable")[:FLIPS_SHOWN]:
        row = flipped[at]
        yield Flip(
            index=int(indices[row]),
            item=dataset.source.item_name(int(indices[row])),
            label=None if labels is None else int(labels[row]),
            keras=int(wanted.predictions[row]),
            said=int(found.predictions[row]),
            certainty=float(certainty[at]),
        )


def _surest(flips: list[Flip]) -> list[Flip]:
    return sorted(flips, key=lambda flip: -flip.certainty)[:FLIPS_SHOWN]
