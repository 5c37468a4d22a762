"""Keras's own layers, and its operations on tensors, by the name that models store them under."""

import importlib

MODULES = ("numpy", "nn", "core", "math", "image", "linalg", "einops")
APPLICATION_LAYERS = {  # of keras.applications, which keras.layers does not have
    "LayerScale": "convnext",
    "StochasticDepth": "convnext",
    "CustomScaleLayer": "inception_resnet_v2",
}
# Layers that run code or read other files: a folder or a vocabulary by its path, a pickle.
REACHING_OUT = (
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup",
    "IntegerLookup", "TextVectorization",
)  # fmt: skip


def layer_class(class_name: str):
    """The class of one of Keras's own layers; None where Keras has none of that name that computes
    with nothing but what it is given."""
    import keras

    if class_name in APPLICATION_LAYERS:
        module = f"keras.src.applications.{APPLICATION_LAYERS[class_name]}"
        return getattr(importlib.import_module(module), class_name)
    found = getattr(keras.layers, class_name, None)
    is_layer = isinstance(found, type) and issubclass(found, keras.layers.Layer)
    return found if is_layer and class_name not in REACHING_OUT else None


def of(class_name: str):
    """The class of the operation, e.g. TrueDivide; None where Keras has none of that name."""
    import keras

    for module in MODULES:
        found = getattr(importlib.import_module(f"keras.src.ops.{module}"), class_name, None)
        if isinstance(found, type) and issubclass(found, keras.Operation):
            return found
    return None


def made(class_name: str, settings: dict, dtype: str | None):
    """The operation of those settings. ``dtype``: what it makes of its input where that is stored,
    as a Cast has it; float32 in place of other floats."""
    del settings["dtype"]
    if dtype is not None:
        settings["dtype"] = "float32" if "float" in dtype else dtype
    return of(class_name).from_config(settings)


def is_one(config: dict) -> bool:
    """True for the stored form of an operation: unlike layers it has no ``trainable``.

    Some bear the name of a layer (Add, Softmax), and ``.h5`` files do not tell which is meant.
    """
    module = config.get("module")
    if module:
        return module.startswith("keras.src.ops")
    return "trainable" not in config["config"] and of(str(config["class_name"])) is not None
