"""The ONNX form of a TFLite graph, float or int8."""

from dataclasses import dataclass

from export.onnx import depthwise_channels, tf2onnx_model
from export.onnx.graph_writer import GraphWriter
from export.onnx.operators.table import FUNCTIONS
from export.onnx.tflite_operator import Unsupported
from quantize.graph.graph import Graph


@dataclass(frozen=True)
class OnnxForm:
    """``model``: the ModelProto. ``unsupported``: what tf2onnx had to write it for, instead of the
    writer here; None where nothing was.
    """

    model: object
    unsupported: str | None = None


def of_graph(graph: Graph) -> OnnxForm:
    """The model of ``graph``, with the inputs and outputs of ``graph``: names, shapes and dtypes.

    Equal graphs give equal bytes. A graph with an operator that is not known here is written by
    tf2onnx as a whole.
    """
    try:
        return OnnxForm(GraphWriter(depthwise_channels.filled_up(graph)).model(FUNCTIONS))
    except Unsupported as reason:
        return OnnxForm(tf2onnx_model.of_graph(graph), str(reason))
