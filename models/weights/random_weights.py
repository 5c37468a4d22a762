"""Random weights that keep a network's activations at the size they have in a trained one.

Keras's own initial depthwise kernels are so small that without training the signal dies on its
way through the network, and int8 scales with it; runtimes refuse such files.
"""

import numpy as np

SEED = 0
RECTIFIED_GAIN = 2.0  # a rectifier halves the power of what it is given
LINEAR_GAIN = 1.0


def fill(model) -> None:
    """He-normal kernels (He et al. 2015, arXiv 1502.01852) in every layer of a Keras model.

    Layers that are not trainable keep what they were built with.
    """
    rng = np.random.default_rng(SEED)
    for layer in model.layers:
        if not layer.trainable:
            continue
        for kernel, depthwise, gain in _kernels(layer):
            fan_in = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
            kernel.assign(rng.normal(0.0, np.sqrt(gain / fan_in), kernel.shape))


def _kernels(layer):
    """Each kernel of ``layer``, whether it is depthwise, and its gain of power."""
    if type(layer).__name__ == "SeparableConv2D":  # two convolutions, one rectifier
        yield layer.depthwise_kernel, True, LINEAR_GAIN
        yield layer.pointwise_kernel, False, RECTIFIED_GAIN
    elif getattr(layer, "kernel", None) is not None:
        yield layer.kernel, type(layer).__name__ == "DepthwiseConv2D", RECTIFIED_GAIN
