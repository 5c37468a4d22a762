"""Opening a user's ``.keras`` or ``.h5`` file: built from what is stored, nothing in it is run.

Files of Keras 2 and 3 go the same way; code of the user's own is refused by name.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.keras_files import channel_order, stored_model, stored_weights
from models.keras_files.build_model import Builder

SAME = 1e-4  # largest difference of an output, relative to the largest output


@dataclass(frozen=True)
class OpenedModel:
    """A Keras model of float32 images with channels last, and what is not as it was stored.

    ``takes_pixels`` tells that the model was built for whole numbers, 0 to 255.
    """

    keras_model: object
    notes: tuple[str, ...]
    takes_pixels: bool = False


def open_model(path: Path, res: int | None = None) -> OpenedModel:
    """The model in the file at ``path``; ``res``: input size in pixels where it leaves that open.

    Raises RequestError, in one line, for anything that is not a whole Keras model made of Keras's
    own layers.
    """
    stored = stored_model.read(path)
    builder, built = _built(stored, res)
    model, notes = built.layer, tuple(builder.notes)
    is_image = len(model.inputs) == 1 and len(model.inputs[0].shape) == 4
    if is_image and channel_order.has_channels_first(stored.config):
        model = _with_channels_last(stored, built, res)
        notes = (*notes, "channels come first in the file; built with channels last")
    return OpenedModel(model, notes, takes_pixels=builder.integer_input is not None)


def _built(stored, res):
    builder = Builder(stored, res)
    built = builder.build()
    stored_weights.load(stored, built)
    return builder, built


def _with_channels_last(stored, built, res):
    """The whole model with channels last where that gives the same outputs."""
    right = channel_order.behind_transposition(built.layer)
    if len(right.outputs) > 1:
        return right
    try:
        config = channel_order.last_throughout(stored.config, built)
        faster = _built(replace(stored, config=config), res)[1].layer
    except (RequestError, KeyError, ValueError):  # a layer that mixes the axes cannot be changed
        return right
    image = np.random.default_rng(0).uniform(0, 1, (2, *right.inputs[0].shape[1:]))
    expected, found = (np.asarray(m(image.astype(np.float32))) for m in (right, faster))
    if found.shape != expected.shape:  # a map, whose channels come last now
        return right
    same = np.abs(found - expected).max() <= SAME * max(np.abs(expected).max(), 1e-6)
    return faster if same else right
