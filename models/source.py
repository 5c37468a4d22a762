"""The network that was asked for: one of our own with weights, or the user's Keras model."""

from dataclasses import replace
from typing import Protocol

from models import file_source, registry_source, user_source
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.network import Network
from models.networks.split_limit import check_split


class Source(Protocol):
    """A network that can be described without TensorFlow and loaded with it.

    ``labels_known``: it was trained for the classes of DATA. ``fits_demo``: the demo's images stand
    in where none are given, because it was trained on them, or on none at all.
    """

    model_id: str
    labels_known: bool
    fits_demo: bool
    warnings: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The reference, in words, that every file is compared with, e.g. "Keras"."""

    @property
    def size(self) -> ImageSize | None:
        """Input size; None where only loading the model can tell."""

    @property
    def classes(self) -> int | None:
        """Number of outputs; None where only loading the model can tell."""

    @property
    def expansions(self) -> tuple[int, ...] | None:
        """Channels of each expansion that SPLIT can divide; None where only loading can tell."""

    def identity(self) -> dict:
        """The network's identity, hash of its weights included; goes into the manifest."""

    def load(self) -> Network:
        """The network itself. Imports TensorFlow."""


def resolve(options: Options) -> Source:
    """The network that ``options`` name. RequestError for what cannot be; imports no TensorFlow.

    With SPLIT it is the same network in files of their own.
    """
    if options.file is not None:
        return file_source.resolve(options)
    found = (
        registry_source.resolve(options) if options.model is None else user_source.resolve(options)
    )
    if options.split == 1:
        return found
    if found.expansions is not None:
        check_split(options.split, found.expansions)
    return replace(found, model_id=f"{found.model_id}-split{options.split}")
