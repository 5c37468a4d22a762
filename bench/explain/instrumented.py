"""An exported file that also gives what its layers compute, so that the layers can be compared.

The file gets more outputs and is otherwise the same: an interpreter told to keep every tensor would
run without its delegate, and the delegate may be what is looked for.
"""

import numpy as np

from bench.explain import instrumented_onnx
from bench.explain.instrumented_layer import (
    IMAGE,
    OUTPUT,
    InstrumentedLayer,
    InstrumentedModel,
    Operator,
    connected,
    short_name,
)
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.layer_names import layer_names


def instrument(content: bytes, format_name: str) -> InstrumentedModel:
    """``content``, a "tflite" or "onnx" file of ours, with every layer's output among its own."""
    return {"tflite": _tflite, "onnx": instrumented_onnx.instrument}[format_name](content)


def _tflite(content: bytes) -> InstrumentedModel:
    graph, editor = Graph(content), GraphEditor(Graph(content))
    names = {tensor: name for name, tensor in layer_names(graph).items()}
    output = graph.outputs[0]
    operators = [
        Operator(kind, inputs, made[0], OUTPUT if made[0] == output else made[0])
        for kind, inputs, made in graph.operators()
    ]
    image = graph.inputs[0]
    layers = [InstrumentedLayer(IMAGE, IMAGE, "input", image, (), *_affine(graph, image))]
    for operator, sources in connected(operators, image):
        made = operator.output
        layers.append(
            InstrumentedLayer(
                operator.key,
                names.get(made) or short_name(made),
                operator.kind,
                made,
                sources,
                *_affine(graph, made),
            )
        )
    at = {tensor.name.decode(): i for i, tensor in enumerate(editor.subgraph.tensors)}
    editor.subgraph.outputs = np.asarray([at[layer.value] for layer in layers[1:]], np.int32)
    editor.model.signatureDefs = []
    return InstrumentedModel(editor.graph().content, tuple(layers), graph.dtype(image))


def _affine(graph: Graph, tensor: str) -> tuple[float | None, int | None]:
    found = graph.quantization(tensor)
    return (float(found.scale[0]), int(found.zero_point[0])) if found else (None, None)
