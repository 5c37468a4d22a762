"""The ONNX form of graphs with operators that are not known here, through tf2onnx."""

import contextlib
import io
import logging

from models.command_line.scratch import scratch_folder
from quantize.graph.graph import Graph

OPSET = 15  # what tf2onnx writes where it is not told otherwise


def of_graph(graph: Graph):
    """The ModelProto of ``graph``; names of its values differ from run to run."""
    import tf2onnx.convert

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with scratch_folder() as folder:
        path = folder / "graph.tflite"
        path.write_bytes(graph.content)
        with contextlib.redirect_stdout(io.StringIO()):
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    model.graph.name = "main"  # tf2onnx puts the temporary path here
    model.graph.doc_string = model.doc_string = ""
    return model
