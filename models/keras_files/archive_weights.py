"""Weights of a ``.keras`` file: groups within groups, as the layers are within the model."""

import re

import numpy as np

from models.keras_files.built_layer import BuiltLayer
from models.keras_files.layer_calls import MODEL_CLASSES
from models.keras_files.layer_settings import is_augmentation
from models.keras_files.loaded_weights import RANDOM_OBJECTS, LoadedWeights, is_same
from models.keras_files.stored_model import brief

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # of a model's group


def load(group, built: BuiltLayer, loaded: LoadedWeights) -> None:
    """Load each array of the HDF5 ``group`` into ``built``; RequestError where one does not fit."""
    if is_augmentation(built.stored_class):
        return
    if built.stored_class not in MODEL_CLASSES:
        _load_object(group, built.layer, built.stored_name, loaded)
        return
    container = next((group[key] for key in CONTAINERS if key in group), {})
    groups = _with_arrays(container)
    for part, name in _named(built.parts, groups):
        load(groups.pop(name), part, loaded)
    if groups:
        raise loaded.wrong(f"the file has weights of {next(iter(groups))}, its network has none")


def _load_object(group, owner, name, loaded):
    """The arrays of a layer, and those of the layers in it by the attributes they are in."""
    own = {key: loaded.value_of(group["vars"][key]) for key in group.get("vars", ())}
    if own:
        _load_own(own, owner, name, loaded)
    for key, inner_group in _with_arrays(group).items():
        if key == "vars" or key in RANDOM_OBJECTS:
            continue
        inner = getattr(owner, key, None)
        if inner is None:
            raise loaded.wrong(f"the file has weights of {key} in layer '{name}'")
        if isinstance(inner, list | tuple | dict):
            inner = list(inner.values()) if isinstance(inner, dict) else inner
            parts = [BuiltLayer(name, type(each).__name__, each) for each in inner]
            groups = _with_arrays(inner_group)
            for part, group_name in _named(parts, groups):
                _load_object(groups[group_name], part.layer, name, loaded)
        else:
            _load_object(inner_group, inner, name, loaded)


def _load_own(own, owner, name, loaded):
    for value in own.values():
        loaded.check_finite(value, f"layer '{name}'")
    try:
        owner.load_own_variables(own)
    except Exception as error:  # Keras raises whatever a layer's code ran into
        raise loaded.wrong(f"weights of layer '{name}' do not fit ({brief(error)})") from error
    again: dict[str, np.ndarray] = {}
    owner.save_own_variables(again)
    for key, value in own.items():
        if key not in again or not is_same(again[key], value):
            raise loaded.wrong(f"weight {key} of layer '{name}' was not loaded")
    loaded.add(owner._trainable_variables + owner._non_trainable_variables)


def _named(parts, groups):
    """Pairs of a layer and the name of its group: the class in lower case, numbered in order.

    Some versions of Keras 2 leave numbers out; then the groups that are there are taken in order.
    """
    of_class: dict[str, list] = {}
    for part in parts:
        base = _snake_case(part.stored_class)
        if part.stored_class not in MODEL_CLASSES and base not in groups:
            # Some layers are registered under another name than their class has.
            own = _snake_case(type(part.layer).__name__)
            base = own if own in groups else base
        of_class.setdefault(base, []).append(part)
    pairs = []
    for base, same in of_class.items():
        names = [base if n == 0 else f"{base}_{n}" for n in range(len(same))]
        numbers = {n: re.fullmatch(f"{base}(?:_([0-9]+))?", n) for n in groups}
        there = sorted((n for n in groups if numbers[n]), key=lambda n: int(numbers[n][1] or 0))
        if not set(there) <= set(names):
            weighted = [part for part in same if getattr(part.layer, "weights", ())]
            if len(there) == len(weighted):
                same, names = weighted, there
        pairs += [(p, n) for p, n in zip(same, names, strict=True) if n in groups]
    return pairs


def _snake_case(class_name: str) -> str:
    """A class's name as Keras writes it in a file: DepthwiseConv2D is depthwise_conv2d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _with_arrays(group) -> dict:
    return {name: group[name] for name in group if _has_arrays(group[name])}


def _has_arrays(group) -> bool:
    return not hasattr(group, "keys") or any(_has_arrays(group[key]) for key in group)
