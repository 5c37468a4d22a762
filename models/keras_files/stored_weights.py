"""The weights of a file, put into a built model; every array of both is accounted for.

A load is checked by itself, because a fault in it would be in the exported files and in the Keras
model that they are compared with alike: each array of the file goes to the one weight that it was
saved from, each weight of the model gets one, and both are compared afterwards.
"""

from models.keras_files import archive_weights, hdf5_weights
from models.keras_files.built_layer import BuiltLayer
from models.keras_files.loaded_weights import LoadedWeights
from models.keras_files.stored_model import StoredModel


def load(stored: StoredModel, built: BuiltLayer) -> None:
    """Give ``built`` the weights of its file. RequestError, naming the layer, where one is wrong:
    an array without a weight or the reverse, another shape, another value, or one that is no
    number.
    """
    loaded = LoadedWeights(stored.path)
    with stored.weights() as group:
        (archive_weights if stored.is_archive else hdf5_weights).load(group, built, loaded)
    _check(built, loaded)


def _check(built, loaded):
    """Every weight was loaded, and what a layer computes from its weights is computed from them."""
    for leaf in built.leaves():
        for weight in getattr(leaf.layer, "weights", ()):
            if not loaded.has(weight):
                raise loaded.wrong(f"layer '{leaf.stored_name}' has no {weight.name} in the file")
        for layer in _with_inner_layers(leaf.layer):
            if hasattr(layer, "finalize_state") and layer.built:  # the statistics of Normalization
                layer.finalize_state()


def _with_inner_layers(layer):
    yield layer
    for inner in getattr(layer, "_layers", ()):
        yield from _with_inner_layers(inner)
