"""Sums of what several layers compute, centered before they are rounded to int8.

Where a projection is computed in channel groups (``bottleneck_split``), each part has an offset of
its own, which the parts of the others take away again: ReLU6 is never negative, so what one group
gives lies far from zero. An int8 range would have to hold that offset, in steps the coarser for it.
What is moved from one bias to another leaves the sum as it is.
"""

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.ranges.calibration import Activation


def sums(editor: GraphEditor) -> list[list]:
    """The layers, two or more each, whose outputs are added up and read by nothing else."""
    running: dict[int, list] = {}  # the tensor of a sum: the layers in it
    for operator in editor.of_kind("ADD"):
        first, second = (int(i) for i in operator.inputs)
        if editor.activation(operator) != "NONE" or not _is_part(editor, second):
            continue
        if first in running and len(editor.consumers(first)) == 1:
            layers = running.pop(first)
        elif _is_part(editor, first):
            layers = [editor.producer(first)]
        else:
            continue
        running[int(operator.outputs[0])] = [*layers, editor.producer(second)]
    return list(running.values())


def center(graph: Graph, statistics: dict[str, Activation]) -> Graph:
    """``graph`` with each channel of each part but the last in the middle of its range about 0.

    The last part takes what the others lose; the float outputs stay the same. The graph itself
    where nothing is summed so. ``statistics``: of all activations, on calibration images.
    """
    editor = GraphEditor(graph)
    found = sums(editor)
    if not found:
        return graph
    for *others, last in found:
        if any(editor.name(int(layer.outputs[0])) not in statistics for layer in others):
            continue
        for layer in others:
            seen = statistics[editor.name(int(layer.outputs[0]))]
            middle = (seen.channel_minima + seen.channel_maxima) / 2
            editor.write(layer, 2, editor.read(layer, 2) - middle)
            editor.write(last, 2, editor.read(last, 2) + middle)
    return editor.graph()


def _is_part(editor: GraphEditor, index: int) -> bool:
    """True where a layer with a bias of its own computes the tensor for one reader, unbent."""
    layer = editor.producer(index)
    return (
        layer is not None
        and editor.kind(layer) in LINEAR
        and editor.activation(layer) == "NONE"
        and len(layer.inputs) == 3
        and layer.inputs[2] >= 0
        and editor.reads_constant(layer, 2)
        and len(editor.consumers(index)) == 1
        and not editor.is_output(index)
    )
