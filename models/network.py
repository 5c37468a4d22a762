"""A loaded network with all that a converter has to know about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.data.image_source import ImageSize
from models.networks.input_scaling import InputScaling, line
from models.networks.output_tensor import (
    UNACTIVATED,
    OutputTensor,
    class_count,
    overall_kind,
)
from models.networks.spec import Preprocess


class Model(Protocol):
    """The computing part of a network: a Keras model, or the file that the user brought.

    ``function``: what TensorFlow's converter traces, called with an image; None where the float
    graph is another converter's, and may be unlike what Keras models become.
    """

    function: object | None

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Outputs float32 [n, k] of preprocessed images [h, w, c]: of several outputs one after the
        other, each flattened. Every exported file is compared with them."""

    def float_graph(self) -> bytes:
        """A float .tflite file of batch 1, from which everything else is made."""


@dataclass(frozen=True)
class Network:
    """``model`` makes ``outputs`` of one preprocessed image, in their order.

    ``scaling`` makes what it reads of pixels. ``outputs_reason``: why the outputs are taken for
    what they are; empty where that is known. ``notes``: what is not as in its file. ``reference``:
    what computes ``model``'s outputs, in words.
    """

    model: Model
    size: ImageSize
    outputs: tuple[OutputTensor, ...]
    scaling: InputScaling
    outputs_reason: str = ""
    notes: tuple[str, ...] = ()
    reference: str = "Keras"

    @property
    def preprocess(self) -> Preprocess:
        return self.scaling.preprocess

    @property
    def output_kind(self) -> str:
        """ "softmax", "sigmoid" or "logits" of one row of classes; "values" of all else."""
        return overall_kind(self.outputs)

    @property
    def classes(self) -> int:
        """The number of classes that the outputs tell apart; 0 where they are no classes."""
        return class_count(self.outputs)

    @property
    def guesses(self) -> tuple[str, ...]:
        """Notes on what is assumed of the network, and how to say it."""
        found = []
        if self.scaling.is_guess:
            scale, offset = self.preprocess.scale, self.preprocess.offset
            found.append(
                f"that the model is fed {line(scale, offset)} is a guess: give what it was trained "
                "with as SCALE= and OFFSET="
            )
        if self.outputs_reason == UNACTIVATED and self.outputs[0].size == 1:
            found.append(
                "the one output is taken for the logit of a yes or no: OUTPUTS=values for a number "
                "(regression), OUTPUTS=classes for a logit"
            )
        return tuple(found)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs in the exported files."""
        return tuple(output.name for output in self.outputs)
