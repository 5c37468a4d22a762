"""A loaded Keras network with all that a converter has to know about it."""

from dataclasses import dataclass

from models.data.image_source import ImageSize
from models.networks.input_scaling import InputScaling, line
from models.networks.output_tensor import (
    UNACTIVATED,
    OutputTensor,
    class_count,
    overall_kind,
)
from models.networks.spec import Preprocess


@dataclass(frozen=True)
class Network:
    """``keras_model`` maps preprocessed float32 [n, height, width, channels] to ``outputs``, one
    tensor [n, *shape] or a structure of several, in their order.

    ``scaling`` makes what it reads of pixels. ``outputs_reason``: why the outputs are taken for
    what they are; empty where that is known. ``notes``: what is not as in its file.
    """

    keras_model: object
    size: ImageSize
    outputs: tuple[OutputTensor, ...]
    scaling: InputScaling
    outputs_reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def preprocess(self) -> Preprocess:
        return self.scaling.preprocess

    @property
    def output_kind(self) -> str:
        """ "softmax", "sigmoid" or "logits" of one row of classes; "values" of all else."""
        return overall_kind(self.outputs)

    @property
    def classes(self) -> int:
        """How many classes the outputs tell apart; 0 where they are no classes."""
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
