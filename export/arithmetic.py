"""The error that a file's arithmetic alone explains: what float32's rounding makes of a network."""

from pathlib import Path

import numpy as np

from export.loading import Trials
from models.command_line.errors import CheckFailed
from models.network import Network
from quantize.evaluate.output_comparison import compare
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor

SEED = 0


def rounding_error(graph: Path, images: Path, threads: int, network: Network) -> float:
    """The largest change of any output, over the largest output, that rounding alone makes.

    ``graph``: a float .tflite file. It is run with other kernels, which sum up in another order,
    and with every weight moved by one unit in its last place, and the larger change counts. Right
    files differ from Keras by about as much. CheckFailed where the graph does not run.
    """
    moved = graph.with_name("moved.tflite")
    moved.write_bytes(one_unit_off(Graph(graph.read_bytes())).content)
    trials = [
        Trials("litert", [graph, moved], images, threads),
        Trials("litert-builtin", [graph], images, threads),
    ]
    try:
        plain, other = (one.results() for one in trials)
    finally:
        for one in trials:
            one.stop()
    wanted, *found = plain[graph.name], plain[moved.name], other[graph.name]
    outputs = [trial.outputs for trial in found if trial.outputs is not None]
    if wanted.outputs is None or not outputs:
        raise CheckFailed(f"the float graph does not run in litert: {wanted.status}")
    kind, tensors = network.output_kind, network.outputs
    found = [compare(wanted.outputs, one, kind, tensors) for one in outputs]
    return max(one.max_relative_error for one in found)


def one_unit_off(graph: Graph) -> Graph:
    """``graph`` with every float32 constant of several numbers moved to the next one up or down."""
    editor, draw = GraphEditor(graph), np.random.default_rng(SEED)
    for index in range(len(editor.subgraph.tensors)):
        value = editor.constant(index)
        if value is None or value.dtype != np.float32 or value.size < 2:
            continue
        ends = np.where(draw.random(value.shape, np.float32) < 0.5, -np.inf, np.inf)
        editor.set_constant(index, np.nextafter(value, ends.astype(np.float32)))
    return editor.graph()
