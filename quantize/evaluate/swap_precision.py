"""One layer in the other precision, all else as it is: the outputs that the network then has.

Only what comes after the layer runs anew; what comes before it runs once for all layers.
"""

from collections.abc import Iterator

import numpy as np

from quantize.evaluate.outputs import real_outputs
from quantize.graph.graph import Graph, Quantization
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.segment import Walk, cut, run
from quantize.passes.layer import quantized_images


def left_float(
    graph: Graph, int8_graph: Graph, images: np.ndarray, threads: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Output tensor of each int8 layer, and outputs float32 [n, classes] with it alone float.

    The layer reads and writes the integers of its neighbours. ``images``: preprocessed float32
    [n, h, w, c]; ``graph``: the float form of ``int8_graph``.
    """
    floats, integers = GraphEditor(graph), GraphEditor(int8_graph)
    walk = Walk(integers, quantized_images(int8_graph, images), threads)
    places = _places(floats)
    for position, name in _int8_layers(integers):
        walk.to(position)
        read = integers.name(int(integers.operators[position].inputs[0]))
        layer = cut(floats, places[name], places[name] + 1)
        real = _real(walk.values[read], int8_graph.quantization(read))
        made = run(layer, {layer.inputs[0]: real}, threads)[name]
        made = _integers(made, int8_graph.quantization(name))
        yield name, real_outputs(int8_graph, _outputs_after(walk, position, name, made))


def alone_int8(
    graph: Graph, int8_graph: Graph, images: np.ndarray, threads: int, bias_corrected: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Output tensor of each int8 layer, and outputs float32 [n, classes] with it alone int8.

    Its weights and its output are those of ``int8_graph``. With ``bias_corrected``, its bias makes
    up for what rounding does to its mean output on ``images``.
    """
    floats, integers = GraphEditor(graph), GraphEditor(int8_graph)
    walk = Walk(floats, images, threads)
    places = _places(floats)
    for position, name in _int8_layers(integers):
        at = places[name]
        walk.to(at)
        inputs = walk.values[floats.name(int(floats.operators[at].inputs[0]))]
        kernel = int8_graph.tensor(integers.name(int(integers.operators[position].inputs[1])))
        weights = _dequantized(integers.read(integers.operators[position], 1), kernel.quantization)
        layer = _rounded(GraphEditor(cut(floats, at, at + 1)), weights, inputs, bias_corrected)
        made = run(layer, {layer.inputs[0]: inputs}, threads)[name]
        affine = int8_graph.quantization(name)
        made = _real(_integers(made, affine), affine)
        yield name, real_outputs(graph, _outputs_after(walk, at, name, made))


def _places(editor: GraphEditor) -> dict[str, int]:
    return {editor.name(int(o.outputs[0])): i for i, o in enumerate(editor.operators)}


def _int8_layers(editor: GraphEditor) -> Iterator[tuple[int, str]]:
    """Position and output tensor of the layers with int8 weights."""
    for position, operator in enumerate(editor.operators):
        if editor.has_int8_weights(operator):
            yield position, editor.name(int(operator.outputs[0]))


def _rounded(
    part: GraphEditor, weights: np.ndarray, inputs: np.ndarray, bias_corrected: bool
) -> Graph:
    """The layer that ``part`` holds alone, with other ``weights`` and a bias that fits them."""
    operator = part.operators[0]
    if bias_corrected and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        activation = operator.builtinOptions.fusedActivationFunction
        operator.builtinOptions.fusedActivationFunction = 0
        bias, mean = part.read(operator, 2), inputs.mean(axis=0, dtype=np.float32)[None]
        outputs = []
        for values in (part.read(operator, 1), weights):
            part.write(operator, 1, values)
            graph = part.graph()
            outputs.append(run(graph, {graph.inputs[0]: mean}, threads=1)[graph.outputs[0]])
        shift = (outputs[0] - outputs[1]).reshape(-1, len(bias)).mean(axis=0)
        part.write(operator, 2, bias + shift)
        operator.builtinOptions.fusedActivationFunction = activation
    part.write(operator, 1, weights)
    return part.graph()


def _outputs_after(walk: Walk, position: int, name: str, made: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of ``walk``'s graph by name when the operator there makes ``made``, called
    ``name``."""
    editor = walk.editor
    outputs = [editor.name(int(i)) for i in editor.subgraph.outputs]
    known = {**walk.values, name: made}  # with outputs that come before the operator
    if not all(output in known for output in outputs):
        rest = cut(editor, position + 1, len(editor.operators))
        known |= run(rest, known, walk.threads)
    return {output: known[output] for output in outputs}


def _dequantized(integers: np.ndarray, quantization) -> np.ndarray:
    """The real weights, with one scale or one for each channel."""
    shape = [1] * integers.ndim
    shape[quantization.quantizedDimension] = -1
    return integers * np.asarray(quantization.scale, np.float32).reshape(shape)


def _real(integers: np.ndarray, affine: Quantization) -> np.ndarray:
    return (integers.astype(np.float32) - affine.zero_point[0]) * affine.scale[0]


def _integers(real: np.ndarray, affine: Quantization) -> np.ndarray:
    steps = np.rint(real / affine.scale[0]) + affine.zero_point[0]
    return np.clip(steps, -128, 127).astype(np.int8)
