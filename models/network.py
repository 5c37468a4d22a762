"""A loaded Keras network with all that a converter has to know about it."""

from dataclasses import dataclass

from models.data.image_source import ImageSize
from models.networks.spec import Preprocess


@dataclass(frozen=True)
class Network:
    """``keras_model`` maps preprocessed float32 [n, height, width, channels] to [n, classes].

    ``output_kind`` is "softmax", "sigmoid" or "logits". ``notes``: what is not as in its file.
    """

    keras_model: object
    size: ImageSize
    classes: int
    output_kind: str
    preprocess: Preprocess
    notes: tuple[str, ...] = ()

    @property
    def output_name(self) -> str:
        """The output's name in the exported files."""
        return "logits" if self.output_kind == "logits" else "probabilities"
