"""Configurations that Keras 2 wrote, brought to the form that Keras 3 reads.

Keras 3 refuses some of what Keras 2 saved for these very networks: ``groups`` of a depthwise
convolution, the axis of a batch norm as a list, and arithmetic on tensors (as in
``preprocess_input``), which becomes the Rescaling layer that it amounts to.
"""

import copy
from collections.abc import Iterator

MOVED_MODULES = ("keras.src.engine.", "keras.engine.", "tensorflow.python.keras.")
MODEL_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}

# What Keras 2 called the function, or Keras 3 the operation -> scale and offset for a number y.
ARITHMETIC = {
    **dict.fromkeys(("math.truediv", "math.divide", "TrueDivide", "Divide"), lambda y: (1 / y, 0)),
    **dict.fromkeys(("math.multiply", "Multiply"), lambda y: (y, 0)),
    **dict.fromkeys(("math.subtract", "Subtract"), lambda y: (1, -y)),
    **dict.fromkeys(("math.add", "__operators__.add", "Add"), lambda y: (1, y)),
}


def objects(config) -> Iterator[dict]:
    """Every serialized object of a model's configuration, but not how it was to be trained."""
    if isinstance(config, dict):
        if "class_name" in config and not str(config["class_name"]).startswith("__keras"):
            yield config
        for key, value in config.items():
            if key not in ("compile_config", "build_config"):
                yield from objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from objects(value)


def is_known(class_name: str) -> bool:
    """True where ``class_name``, which carries no module, is a layer or model of Keras."""
    import keras

    return class_name in ("Functional", "Model", "Sequential") or hasattr(keras.layers, class_name)


def repaired(config: dict) -> dict:
    """A copy of ``config`` that Keras 3 can load; equal to it where nothing was wrong."""
    made = copy.deepcopy(config)
    for node in objects(made):
        settings = node.get("config")
        if not isinstance(settings, dict):
            continue
        if str(node.get("module")).startswith(MOVED_MODULES):
            node["module"] = MODEL_MODULES.get(node["class_name"], "keras.layers")
        if node["class_name"] in ("DepthwiseConv2D", "SeparableConv2D") and (
            settings.get("groups") == 1
        ):
            del settings["groups"]
        axis = settings.get("axis")
        if node["class_name"] == "BatchNormalization" and isinstance(axis, list):
            settings["axis"] = axis[0]
        _arithmetic_to_rescaling(node)
    return made


def _arithmetic_to_rescaling(node):
    """Turn one operation of a tensor with a number, in either Keras's form, into a layer."""
    calls = node.get("inbound_nodes")
    is_keras2 = node["class_name"] == "TFOpLambda"
    function = node["config"].get("function") if is_keras2 else node["class_name"]
    if function not in ARITHMETIC or not calls or len(calls) != 1 or not calls[0]:
        return
    parts = (_keras2_call if is_keras2 else _keras3_call)(calls[0])
    if parts is None or not isinstance(parts[0], int | float) or isinstance(parts[0], bool):
        return
    number, node["inbound_nodes"] = parts
    scale, offset = ARITHMETIC[function](number)
    name = node["config"].get("name") or node["name"]
    node["class_name"] = "Rescaling"
    node.pop("module", None)
    node["config"] = {"name": name, "scale": scale, "offset": offset}


def _keras3_call(call):
    """The number in ``{"args": [tensor, number]}`` and the call without it; None if unlike that."""
    arguments = call.get("args", []) if isinstance(call, dict) else []
    if len(arguments) != 2 or not isinstance(arguments[0], dict):
        return None
    return arguments[1], [{"args": arguments[:1], "kwargs": {}}]


def _keras2_call(call):
    """The number in ``[layer, node, tensor, {"y": number}]``, which may stand in a list of one."""
    if not isinstance(call[0], str):
        call = call[0] if len(call) == 1 else []
    if len(call) != 4:
        return None
    return call[3].get("y"), [[[*call[:3], {}]]]
