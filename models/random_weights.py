"""Random weights that keep a network's activations at the size they have in a trained one.

Keras's own initial depthwise kernels are so small that without training the signal dies on its
way through the network, and int8 scales with it; runtimes refuse such files.
"""

import numpy as np

SEED = 0


def fill(model) -> None:
    """He-normal kernels (He et al. 2015, arXiv 1502.01852) in every layer of a Keras model.

    Layers that are not trainable keep what they were built with.
    """
    rng = np.random.default_rng(SEED)
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None or not layer.trainable:
            continue
        depthwise = type(layer).__name__ == "DepthwiseConv2D"
        fan_in = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
        kernel.assign(rng.normal(0.0, np.sqrt(2.0 / fan_in), kernel.shape))
