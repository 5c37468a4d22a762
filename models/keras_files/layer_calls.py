"""The calls of a stored functional model: which layer was called on which tensors.

Keras 3 stores ``{"args": ..., "kwargs": ...}`` for each call, Keras 2 a list of
``[layer, call, output, kwargs]``. Both become a ``Call`` with ``Reference`` for each tensor.
"""

from dataclasses import dataclass

import numpy as np

CONSTANT = "_CONSTANT_VALUE"
MODEL_CLASSES = ("Functional", "Model", "Sequential")


@dataclass(frozen=True)
class Reference:
    """Output number ``output`` of the call number ``call`` (from 0) of ``layer``."""

    layer: str
    call: int
    output: int


@dataclass(frozen=True)
class Call:
    """Arguments of one call; each tensor in them is a Reference."""

    args: tuple
    kwargs: dict


@dataclass(frozen=True)
class StoredCalls:
    """Calls of each layer by its name, and the structures of the model's inputs and outputs."""

    of: dict[str, list[Call]]
    inputs: object
    outputs: object


def stored_calls(config: dict) -> StoredCalls:
    """The calls in the configuration of a functional model.

    Where a layer is itself a model, some versions of Keras count its calls from 1: what counts as
    the first one is the smallest number that is referred to.
    """
    layers = {_name(layer): layer for layer in config["layers"]}
    is_keras3 = any(
        isinstance(node, dict) for layer in layers.values() for node in layer["inbound_nodes"]
    )
    read = _keras3_call if is_keras3 else _keras2_call
    calls = {
        name: [read(node, layers) for node in layer["inbound_nodes"]]
        for name, layer in layers.items()
    }
    ends = [_references(config[key], layers) for key in ("input_layers", "output_layers")]
    if is_keras3:  # calls count from 0 in other calls, and from 1 in the model's outputs
        first = {n: 1 for n, layer in layers.items() if layer["class_name"] == "Functional"}
        return StoredCalls(calls, *(_shifted(end, first) for end in ends))
    found = {}
    for reference in _flat([[c.args, c.kwargs] for of in calls.values() for c in of] + ends):
        found.setdefault(reference.layer, []).append(reference.call)
    first = {name: min(numbers) for name, numbers in found.items()}
    shifted = {
        name: [Call(_shifted(c.args, first), _shifted(c.kwargs, first)) for c in of]
        for name, of in calls.items()
    }
    return StoredCalls(shifted, *(_shifted(end, first) for end in ends))


def count(config) -> int:
    """The number of calls of layers, in a model as often as it is called. Two calls of a model
    that calls one twice, thirty times over, are a short file, and a billion calls."""
    if isinstance(config, dict):
        inner = sum(count(value) for key, value in config.items() if key != "inbound_nodes")
        if "class_name" not in config:
            return inner
        calls = config.get("inbound_nodes")
        return (1 + inner) * max(1, len(calls) if isinstance(calls, list) else 1)
    return sum(map(count, config)) if isinstance(config, list) else 0


def mapped(value, change):
    """``value`` with each Reference in its lists, tuples and dicts replaced by ``change`` of it."""
    if isinstance(value, Reference):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(each, change) for each in value)
    if isinstance(value, dict):
        return {key: mapped(each, change) for key, each in value.items()}
    return value


def _shifted(value, first):
    return mapped(value, lambda r: Reference(r.layer, r.call - first.get(r.layer, 0), r.output))


def _flat(value):
    found = []
    mapped(value, found.append)
    return found


def _name(layer):
    return layer.get("name") or layer["config"]["name"]


def _is_reference(value, layers) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in layers
        and all(isinstance(number, int) for number in value[1:3])
    )


def _references(value, layers):
    """Structure of ``[layer, call, output]`` as References; other values stay."""
    if _is_reference(value, layers):
        return Reference(*value[:3])
    if isinstance(value, list):
        return [_references(each, layers) for each in value]
    if isinstance(value, dict):
        return {key: _references(each, layers) for key, each in value.items()}
    return value


def _keras2_call(node, layers):
    kwargs = {}

    def argument(value):
        if isinstance(value, list) and len(value) == 4 and value[0] == CONSTANT:
            kwargs.update(value[3] or {})
            return value[2]
        if isinstance(value, list) and value and value[0] == CONSTANT:
            return value[2]
        if _is_reference(value, layers):
            kwargs.update(value[3] if len(value) == 4 else {})
            return Reference(*value[:3])
        if isinstance(value, list):
            return [argument(each) for each in value]
        if isinstance(value, dict):
            return {key: argument(each) for key, each in value.items()}
        return value

    first = argument(node)
    if isinstance(first, list) and len(first) == 1:
        first = first[0]
    return Call((first,), _references(kwargs, layers))


def _object(kind, settings):
    """An argument that is no plain JSON. Not by Keras, which would make any object of its own, and
    import modules by the names in the file."""
    if kind in ("__tensor__", "__numpy__"):
        return np.array(settings["value"], settings["dtype"])
    if kind == "__slice__":
        ends = [settings[key] for key in ("start", "stop", "step")]
        if all(end is None or isinstance(end, int) for end in ends):
            return slice(*ends)
    if kind == "__ellipsis__":
        return Ellipsis
    raise ValueError(f"an argument of a layer is a {kind}; expected numbers or parts of an array")


def _keras3_call(node, layers):
    def argument(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return Reference(*value["config"]["keras_history"])
        if isinstance(value, dict) and "class_name" in value and "config" in value:
            return _object(value["class_name"], value["config"])
        if isinstance(value, list):
            return [argument(each) for each in value]
        if isinstance(value, dict):
            return {key: argument(each) for key, each in value.items()}
        return value

    return Call(tuple(argument(node["args"])), argument(node["kwargs"]))
