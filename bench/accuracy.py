"""From outputs to accuracy and drift."""

from dataclasses import dataclass


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
    """An image whose answer changed: Keras says ``keras``, the file says ``said``. ``certainty``
    is the probability that Keras gives its answer."""

    index: int
    item: str
    label: int | None
    keras: int
    said: int
    certainty: float


@dataclass(frozen=True)
class Accuracy:
    """Figures over the same ``images``; None where the right answers, or the outputs to agree
    with, are not known.

    ``correct`` and ``correct_top5`` count right answers, ``agreeing`` the answers of Keras.
    ``sqnr_db`` (None: no noise) and ``cosine`` are of all outputs against those of Keras. The
    softmax change of an image is the largest change of any class's probability.
    ``classes`` has the classes whose count of right answers changed, the most changed first;
    ``flips`` the ten images that Keras was surest of among those with another answer.
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
