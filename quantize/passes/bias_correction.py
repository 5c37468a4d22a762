"""Empirical bias correction: Nagel et al. 2019, arXiv 1906.04721, section 4.2.

Rounded weights shift the mean of what a layer computes, depthwise layers first. Layer after layer,
with everything before it already quantized and corrected, the shift seen on the calibration images
goes into the bias.

Unlike there, of what comes in shifted only a share is made up for (``Layer.correct_bias``).
"""

import numpy as np

from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import Walk
from quantize.passes.layer import layers, quantized_images


def correct(
    graph: Graph, int8_graph: Graph, means: dict[str, np.ndarray], images: np.ndarray, threads: int
) -> Graph:
    """``int8_graph`` with corrected biases; ``graph`` is its float form.

    ``means``: the mean [1, ...] over the same images of each activation that a layer of ``graph``
    reads, by name. ``images``: preprocessed float32 [n, h, w, c]. A convolution is linear, so its
    mean output is its output for the mean input.
    """
    editor = GraphEditor(int8_graph)
    walk = Walk(editor, quantized_images(int8_graph, images), threads)
    for layer in layers(graph, editor):
        if layer.float_input_name not in means:  # an activation that was not observed
            continue
        walk.to(layer.position)
        found = walk.values[layer.input_name].mean(axis=0, dtype=np.float32)
        layer.correct_bias(means[layer.float_input_name], layer.real(found[None]))
    return editor.graph()
