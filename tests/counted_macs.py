"""Multiply-accumulates of a Keras model: of trained convolutions and dense layers, biases apart."""

import math


def macs(model) -> int:
    """Of one image, as the ShuffleNet papers count."""
    return sum(_of_layer(layer) for layer in model.layers if hasattr(layer, "kernel"))


def _of_layer(layer) -> int:
    if not layer.trainable:
        return 0
    places = math.prod(layer.output.shape[1:-1])  # 1 for a dense layer
    return places * math.prod(layer.kernel.shape)
