"""An output of a network: its name in the files, its shape, and the meaning of its values."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SOFTMAX = "softmax"
SIGMOID = "sigmoid"
LOGITS = "logits"
VALUES = "values"
CLASS_KINDS = (SOFTMAX, SIGMOID, LOGITS)
UNACTIVATED = "the model ends without an activation"  # why outputs are taken for logits
ROW_NAMES = {SOFTMAX: "probabilities", SIGMOID: "probabilities", LOGITS: "logits"}


@dataclass(frozen=True)
class OutputTensor:
    """``shape`` is that of one image, without the batch. ``kind``: "softmax" and "sigmoid" are
    probabilities, "logits" scores of classes, "values" any other numbers.
    """

    name: str
    shape: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        """The count of its numbers for one image."""
        return math.prod(self.shape)

    @property
    def is_row(self) -> bool:
        """True where it is one row of numbers, no map."""
        return self.size == max(self.shape, default=1)


def row_of(kind: str, classes: int) -> tuple[OutputTensor, ...]:
    """The one output of a classifier."""
    return (OutputTensor(ROW_NAMES[kind], (classes,), kind),)


def overall_kind(outputs: Sequence[OutputTensor]) -> str:
    """The kind of a network's outputs together: that of a single row of classes, else "values"."""
    only = outputs[0]
    return only.kind if len(outputs) == 1 and only.is_row else VALUES


def class_count(outputs: Sequence[OutputTensor]) -> int:
    """The number of classes that the outputs tell apart; 0 where they are no classes."""
    return 0 if overall_kind(outputs) == VALUES else outputs[0].size


def slices(outputs: Sequence[OutputTensor]) -> Iterator[slice]:
    """The place of each output in a row that has them all, flattened, one after the other."""
    start = 0
    for output in outputs:
        yield slice(start, start + output.size)
        start += output.size


def file_names(names: Sequence[str]) -> list[str]:
    """``names`` as outputs of a file are called: letters, digits and underscores, each once."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "output"
        found, number = plain, 1
        while found in (*made, "image"):
            number += 1
            found = f"{plain}_{number}"
        made.append(found)
    return made
