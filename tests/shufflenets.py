"""The material of both ShuffleNets' tests: a small one, its images, its float graph, and
multiply-accumulates as the papers count them."""

import math

import numpy as np

from models.keras_files import float_graph
from models.networks import registry
from models.networks.spec import ModelSpec
from models.weights import random_weights
from quantize.graph.graph import Graph

SIDE = 32


def small(arch, alpha):
    """A Keras model of 10 classes with random weights."""
    made = registry.build(ModelSpec(arch, alpha=alpha, resolution=SIDE, classes=10))
    random_weights.fill(made)
    return made


def noise():
    """float32 [16, SIDE, SIDE, 3] in -1..1."""
    return np.random.default_rng(1).uniform(-1, 1, (16, SIDE, SIDE, 3)).astype(np.float32)


def converted(model):
    """The float graph of a ``small`` model."""
    return Graph(float_graph.convert(model, SIDE, SIDE, 3)).named("image", "probabilities")


def macs(model) -> int:
    """Of one image: of trained convolutions and dense layers, biases apart."""
    return sum(_of_layer(layer) for layer in model.layers if hasattr(layer, "kernel"))


def _of_layer(layer) -> int:
    if not layer.trainable:
        return 0
    places = math.prod(layer.output.shape[1:-1])  # 1 for a dense layer
    return places * math.prod(layer.kernel.shape)
