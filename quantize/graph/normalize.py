"""A float .tflite graph of anybody's in the form that the passes read: what Keras models become.

float32 constants alone, a float image [1, h, w, c], a name for every tensor, a bias for every
convolution and a shape for every RESHAPE. The outputs stay what they are, but for the order of
float sums.
"""

from collections import Counter

import numpy as np

from models.data.image_source import ImageSize
from quantize.graph.float_ends import float_ends, image_channels_last
from quantize.graph.fold_constants import fold_constants
from quantize.graph.graph import Graph
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.integer_constant import add_integers

WITH_BIAS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def normalized(content: bytes, size: ImageSize) -> Graph:
    """The graph of a float file whose image, preprocessed float32, is of that ``size``.

    RequestError where it reads integers in another way than through a CAST or DEQUANTIZE.
    """
    editor = GraphEditor(Graph(content))
    _keep_the_main_graph(editor)
    _name_apart(editor)
    float_ends(editor)
    fold_constants(editor)
    image_channels_last(editor, size)
    for kind in WITH_BIAS:
        for operator in editor.of_kind(kind):
            _with_bias(editor, operator)
    for operator in editor.of_kind("RESHAPE"):
        _with_shape(editor, operator)
    return editor.graph()


def _keep_the_main_graph(editor: GraphEditor) -> None:
    """Without other subgraphs, signatures and metadata, which tell nothing about it; as files are
    written today."""
    editor.model.subgraphs = [editor.subgraph]
    editor.model.signatureDefs, editor.model.metadata = [], []
    editor.model.metadataBuffer = None
    for code in editor.model.operatorCodes:
        # Older files have the number of an operator in the other field alone.
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    for buffer in editor.model.buffers:
        if buffer.data is not None and not len(buffer.data):
            buffer.data = None  # older converters give activations an empty one
    for tensor in editor.subgraph.tensors:
        tensor.shapeSignature = None
        if tensor.shape is None:
            tensor.shape = np.zeros(0, np.int32)


def _name_apart(editor: GraphEditor) -> None:
    """Tensors are known by name here: one each."""
    taken, numbers = set(), Counter()
    for index, tensor in enumerate(editor.subgraph.tensors):
        plain = (tensor.name or b"").decode(errors="replace") or f"tensor_{index}"
        name = plain
        while name in taken:
            numbers[plain] += 1
            name = f"{plain}_{numbers[plain]}"
        taken.add(name)
        tensor.name = name.encode()


def _with_shape(editor: GraphEditor, operator) -> None:
    """The shape that a RESHAPE makes as a constant: older files have it among the options."""
    if len(operator.inputs) < 2 or not editor.reads_constant(operator, 1):
        made = int(operator.outputs[0])
        shape = add_integers(editor, f"{editor.name(made)}/shape", editor.tensor(made).shape)
        operator.inputs = np.asarray([int(operator.inputs[0]), shape], np.int32)


def _with_bias(editor: GraphEditor, operator) -> None:
    inputs = [int(i) for i in operator.inputs]
    if len(inputs) > 2 and inputs[2] >= 0:
        return
    channels = int(editor.tensor(int(operator.outputs[0])).shape[-1])
    name = f"{editor.name(int(operator.outputs[0]))}/bias"
    operator.inputs = np.asarray(
        [*inputs[:2], editor.add_constant(name, np.zeros(channels))], np.int32
    )
