"""Weights of an ``.h5`` file: for each layer of the outermost model a list of named arrays.

Arrays of a model within the model stand in one list, those that training changes first.
"""

import re
from collections import Counter

from models.keras_files.built_layer import BuiltLayer
from models.keras_files.layer_calls import MODEL_CLASSES
from models.keras_files.loaded_weights import RANDOM_STATE, LoadedWeights, is_same
from models.untrusted_files import hdf5_file

UNNAMED = re.compile(r"variable(_\d+)?")  # what Keras 3 calls a weight that its layer gave no name
FORMER_NAMES = {"depthwise_kernel": "kernel"}  # DepthwiseConv2D's of Keras 2


def load(group, built: BuiltLayer, loaded: LoadedWeights) -> None:
    """Load each array of the HDF5 ``group`` into ``built``; RequestError where one does not fit."""
    parts = {part.stored_name: part for part in built.parts}
    for name in hdf5_file.names(group, "layer_names"):
        keys = hdf5_file.names(group[name], "weight_names") if name in group else []
        arrays = [(key, group[name][key]) for key in keys if _tail(key) not in RANDOM_STATE]
        if not arrays:
            continue
        if name not in parts:
            raise loaded.wrong(f"the file has weights of a layer '{name}', its network has none")
        weights = _weights(parts[name], "trainable_weights")
        weights += _weights(parts[name], "non_trainable_weights")
        unique = list({id(weight): (owner, weight) for owner, weight in weights}.values())
        for (_, array), (owner, weight) in _pairs(arrays, unique, name, loaded):
            _set(weight, loaded.value_of(array), owner, loaded)


def _set(weight, value, owner, loaded):
    if tuple(weight.shape) != value.shape:
        raise loaded.wrong(
            f"{weight.name} of layer '{owner}' is {value.shape} in the file, and "
            f"{tuple(weight.shape)} in its network"
        )
    loaded.check_finite(value, f"{weight.name} of layer '{owner}'")
    weight.assign(value)
    if not is_same(weight, value):
        raise loaded.wrong(f"{weight.name} of layer '{owner}' was not loaded")
    loaded.add([weight])


def _weights(part: BuiltLayer, which: str):
    """(layer's name, weight) of those in ``which``, in the order of the file."""
    if part.stored_class in MODEL_CLASSES:
        return [found for inner in part.parts for found in _weights(inner, which)]
    return [(part.stored_name, weight) for weight in getattr(part.layer, which, ())]


def _pairs(arrays, weights, name, loaded):
    """Arrays with the weights they were saved from: by their names, else by their order."""
    if len(arrays) != len(weights):
        raise loaded.wrong(
            f"'{name}' has {len(arrays)} weights in the file and {len(weights)} in its network"
        )
    by_key = {_key(key): (key, array) for key, array in arrays}
    keys = [_key(weight.path) for _, weight in weights]
    if len(by_key) == len(arrays) and set(by_key) == set(keys):
        return [(by_key[key], weight) for key, weight in zip(keys, weights, strict=True)]
    stored_tails = Counter(_tail(key) for key, _ in arrays)
    tails = Counter(_tail(weight.path) for _, weight in weights)
    for (key, _), (owner, weight) in zip(arrays, weights, strict=True):
        found, expected = _tail(key), _tail(weight.path)
        # A name that the other Keras does not have at all is only another name.
        if UNNAMED.fullmatch(expected) or found == expected:
            continue
        if found in tails or expected in stored_tails:
            raise loaded.wrong(f"'{key}' stands where {expected} of layer '{owner}' is expected")
    return list(zip(arrays, weights, strict=True))


def _tail(path: str) -> str:
    name = path.rpartition("/")[2].partition(":")[0]
    return FORMER_NAMES.get(name, name)


def _key(path: str) -> tuple[str, str]:
    """The last layer's name and the weight's own, which tell weights apart within a layer."""
    return path.rpartition("/")[0].rpartition("/")[2], _tail(path)
