"""GELU in operators that ONNX has had for long: its own came with opset 20.

Hendrycks and Gimpel 2016, arXiv 1606.08415.
"""

import math

import numpy as np

TFLITE_NODE = "TFL_GELU"  # what tf2onnx leaves of it, which no runtime knows


def lower(model) -> None:
    """Replace each GELU that tf2onnx left in ``model`` by what it stands for."""
    nodes = []
    for node in model.graph.node:
        nodes += _lowered(model, node) if node.op_type == TFLITE_NODE else [node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _lowered(model, node) -> list:
    """x / 2 * (1 + erf(x / sqrt(2))), or with tanh in place of erf where that was asked for."""
    from onnx import helper, numpy_helper

    x, made = node.input[0], []

    def constant(value: float) -> str:
        name = f"{node.output[0]}/constant_{len(made)}"
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
        return name

    def apply(kind: str, *inputs: str, output: str | None = None) -> str:
        output = output or f"{node.output[0]}/{kind.lower()}_{len(made)}"
        made.append(helper.make_node(kind, inputs, [output]))
        return output

    if any(a.name == "approximate" and a.i for a in node.attribute):
        cube = apply("Mul", apply("Mul", x, x), x)
        inner = apply("Add", x, apply("Mul", cube, constant(0.044715)))
        bent = apply("Tanh", apply("Mul", inner, constant(math.sqrt(2 / math.pi))))
    else:
        bent = apply("Erf", apply("Mul", x, constant(math.sqrt(0.5))))
    half = apply("Mul", x, constant(0.5))
    apply("Mul", half, apply("Add", bent, constant(1.0)), output=node.output[0])
    return made
