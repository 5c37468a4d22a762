"""Functions and layers of Keras 2 that Keras 3 lacks, or computes otherwise."""

import json

THRESHOLDED = "ThresholdedReLU"


def hard_sigmoid(x):
    """Keras 2's: 0.2 x + 0.5 between 0 and 1. Keras 3 has x / 6 + 0.5 under that name."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


ACTIVATIONS = {"hard_sigmoid": hard_sigmoid}


def is_former_layer(kind: str) -> bool:
    """True for a layer that Keras 3 has no more and that is built here."""
    return kind == THRESHOLDED


def layer(kind: str, settings: dict):
    """The layer ``kind`` of Keras 2."""
    import keras

    theta = settings["theta"]

    def thresholded_relu(x):
        return x * keras.ops.cast(x > theta, x.dtype)

    return keras.layers.Activation(thresholded_relu, name=settings["name"])


def operation(settings: dict) -> tuple[str | None, dict[int, object]]:
    """Operation of a layer of TensorFlow 2.0 to 2.3 and its constants by their position.

    None where it is none of arithmetic.
    """
    from models.keras_files.tensorflow_functions import ARITHMETIC, UNARY

    node = settings["node_def"]
    node = json.loads(node) if isinstance(node, str) and node.startswith("{") else node
    kind = node["op"] if isinstance(node, dict) else None
    constants = {int(index): value for index, value in settings.get("constants", {}).items()}
    return (f"math.{kind}" if kind in ARITHMETIC or kind in UNARY else None), constants


def filled(tensors, constants: dict[int, object]) -> tuple:
    """Arguments of an operation: ``tensors`` in the places that ``constants`` leave free."""
    left = list(tensors) if isinstance(tensors, list | tuple) else [tensors]
    count = len(left) + len(constants)
    return tuple(constants[i] if i in constants else left.pop(0) for i in range(count))
