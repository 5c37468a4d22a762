"""Weights that are no numbers: nothing can be made of such a network."""

import numpy as np

from models.command_line.errors import RequestError
from quantize.graph.graph import LINEAR, Graph

LAYERS = (*LINEAR, "TRANSPOSE_CONV")


def check_weights(graph: Graph) -> None:
    """RequestError where a constant is NaN, or a layer's weights are infinite, with its name.

    An infinite constant elsewhere may be meant, e.g. as a mask.
    """
    for kind, inputs, outputs in graph.operators():
        for name in inputs:
            value = graph.constant(name) if graph.dtype(name) == np.float32 else None
            if value is None:
                continue
            bad = ~np.isfinite(value) if kind in LAYERS else np.isnan(value)
            if bad.any():
                raise RequestError(
                    f"the weights of {outputs[0].split(';')[0]} ({kind}) are NaN or infinite in "
                    f"{int(bad.sum())} of {value.size} places, as by a training that diverged or a "
                    "negative variance; expected a trained network"
                )
