"""A layer or model as it was built, with what it is called in the file."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.keras_files import channel_order
from models.keras_files.layer_calls import MODEL_CLASSES


@dataclass
class BuiltLayer:
    """A built layer or model, and what it is called in the file.

    ``parts`` are the layers of a model in the order in which the file has them. A layer whose
    channels come first is built with them last, which is what TensorFlow computes on CPUs.
    """

    stored_name: str
    stored_class: str
    layer: object
    parts: list["BuiltLayer"] = field(default_factory=list)
    is_channels_first: bool = False

    def __call__(self, *args, **kwargs):
        """The layer's output; of one whose channels come first, between two transpositions."""
        if not self.is_channels_first:
            return self.layer(*args, **kwargs)
        return channel_order.called_in_last(self.layer, *args, **kwargs)

    def leaves(self) -> Iterator["BuiltLayer"]:
        """The layers in it that are no models."""
        if self.stored_class not in MODEL_CLASSES:
            yield self
        for part in self.parts:
            yield from part.leaves()

    @property
    def trains_by_default(self) -> bool:
        """True for layers of which Keras stores that they run as in training though nobody said so:
        resizing and augmentation, which is switched off."""
        training = inspect.signature(self.layer.call).parameters.get("training")
        return training is not None and training.default is True
