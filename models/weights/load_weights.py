"""Loading a weights file into one of our networks: all of it, or not at all."""

import re
from itertools import zip_longest
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.weights.weights_file import StoredLayer, classes_in, read_layers

__all__ = ["classes_in", "load_weights"]

SHOWN = 3


def load_weights(model, path: Path) -> None:
    """Set the weights of ``model``, a Keras model of ours, from the Keras file at ``path``.

    Raises RequestError, in one line and with the model unchanged, when the file is not a whole
    Keras weights file or does not fit; the line shows both shapes of the layers that differ.
    """
    path = Path(path)
    stored = read_layers(path)
    pairs = _pairs([layer for layer in model.layers if layer.weights], stored)
    differences = [pair for pair in pairs if not _fits(*pair)]
    if differences:
        raise RequestError(_misfit(model, path, pairs, differences))
    for _, found in pairs:
        if not all(np.isfinite(array).all() for array in found.arrays):
            raise RequestError(
                f"WEIGHTS '{path}' holds NaN or infinity in layer {found.name}; expected finite "
                "weights: give a checkpoint of a training run that did not diverge"
            )
    for layer, found in pairs:
        layer.set_weights(found.arrays)


def _pairs(layers, stored: list[StoredLayer]):
    """(our layer, the file's layer) for each of either; None where the other side lacks it.

    By name where the file has our names. In the network's order otherwise, as Keras itself loads:
    published files use other names than ``keras.applications`` does today.
    """
    by_name = {found.name: found for found in stored}
    names = {layer.name for layer in layers}
    in_order = _pairs_in_order(layers, stored)
    complete = all(layer is not None and found is not None for layer, found in in_order)
    if by_name.keys() == names or (not complete and by_name.keys() & names):
        pairs = [(layer, by_name.get(layer.name)) for layer in layers]
        return pairs + [(None, found) for found in stored if found.name not in names]
    return in_order


def _pairs_in_order(layers, stored):
    by_class = bool(stored) and bool(stored[0].kind)

    def kind(layer):
        return re.sub("(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower() if by_class else ""

    kinds = dict.fromkeys([kind(layer) for layer in layers] + [found.kind for found in stored])
    return [
        pair
        for each in kinds
        for pair in zip_longest(
            [layer for layer in layers if kind(layer) == each],
            [found for found in stored if found.kind == each],
        )
    ]


def _shapes(layer) -> list[tuple[int, ...]]:
    arrays = layer.arrays if isinstance(layer, StoredLayer) else layer.weights
    return [tuple(array.shape) for array in arrays]


def _fits(layer, found) -> bool:
    return layer is not None and found is not None and _shapes(layer) == _shapes(found)


def _difference(layer, found) -> str:
    if found is None:
        return f"{layer.name} is missing from the file, expected {_shapes(layer)[0]}"
    if layer is None:
        return f"{found.name} {_shapes(found)[0]} is in the file, not in the network"
    both = list(zip_longest(_shapes(found), _shapes(layer)))
    has, expected = next((a, b) for a, b in both if a != b)
    return f"{layer.name} is {has or 'absent'} in the file, expected {expected or 'nothing'}"


def _misfit(model, path, pairs, differences) -> str:
    shown = "; ".join(_difference(*pair) for pair in differences[:SHOWN])
    rest = len(differences) - SHOWN
    more = f"; and {rest} more" if rest > 0 else ""
    classifier = [layer for layer in model.layers if layer.weights][-1]
    classes = classes_in(path)
    if [layer for layer, _ in differences] == [classifier] and classes:
        advice = f"use CLASSES={classes}"
    else:
        advice = "give the ARCH, ALPHA and CLASSES that they were trained with"
    return (
        f"WEIGHTS '{path}' do not fit {model.name}: {len(differences)} of {len(pairs)} layers "
        f"differ: {shown}{more}; {advice}"
    )
