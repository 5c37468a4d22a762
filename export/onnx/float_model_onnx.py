"""The float graph as ONNX, through tf2onnx's TFLite front end, and its float16 variant."""

import contextlib
import io
import logging
import tempfile
from pathlib import Path

import numpy as np

from export.onnx import gelu
from quantize.graph.graph import Graph

OPSET = 17  # the first with everything used here; older runtimes on devices still read it
FLOAT16_MAX = 65504.0


def from_graph(graph: Graph):
    """The ONNX model of ``graph``: NHWC float32 input and the output, named as in the graph."""
    import tf2onnx.convert

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.tflite"
        path.write_bytes(graph.content)
        with contextlib.redirect_stdout(io.StringIO()):
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    model.graph.name = "main"  # tf2onnx puts the temporary path here
    model.graph.doc_string = model.doc_string = ""
    gelu.lower(model)
    return model


def halve(model):
    """A copy of ``model`` with weights and biases stored as float16 and widened by a Cast.

    Runtimes fold the Cast when they load the file, so it is half the size and as fast as float32.
    A tensor with a value that float16 cannot hold stays float32.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for initializer in halved.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT or not initializer.dims:
            continue
        values = numpy_helper.to_array(initializer)
        if values.size == 0 or np.abs(values).max() > FLOAT16_MAX:
            continue
        name = initializer.name
        stored = numpy_helper.from_array(values.astype(np.float16), f"{name}/float16")
        initializer.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved
