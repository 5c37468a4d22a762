"""An ONNX model's weights as float16: half the bytes, the same operators."""

import numpy as np

from quantize.schemes.float16 import fits

# Kernels and biases, by the operators that read them and where.
WEIGHTS = {"Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (0, 1, 2), "MatMul": (0, 1)}
# Operators whose constants are numbers to compute with, never sizes or scales of an image.
ARITHMETIC = ("Add", "Sub", "Mul", "Div", "PRelu", "Gather")
FEWEST = 1024  # numbers of such a constant; smaller ones, such as a mean of three, save nothing


def halve(model) -> None:
    """Store the weights and biases of ``model`` as float16, widened by a Cast; changes ``model``.

    Runtimes fold the Cast when they load the file, so it is half the size and as fast as float32.
    A tensor with a value that float16 cannot hold stays float32.
    """
    from onnx import TensorProto, helper, numpy_helper

    chosen, casts = _weights(model), []
    for tensor in model.graph.initializer:
        if tensor.name not in chosen or tensor.data_type != TensorProto.FLOAT or not tensor.dims:
            continue
        values = numpy_helper.to_array(tensor)
        if not fits(values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}:float16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name, to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _weights(model) -> set[str]:
    """Names of the initializers that are weights."""
    sizes = {tensor.name: np.prod(tensor.dims) for tensor in model.graph.initializer}
    found = set()
    for node in model.graph.node:
        found.update(node.input[i] for i in WEIGHTS.get(node.op_type, ()) if i < len(node.input))
        if node.op_type in ARITHMETIC:
            found.update(name for name in node.input if sizes.get(name, 0) >= FEWEST)
    return found & set(sizes)
