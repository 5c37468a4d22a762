"""The ends of a float .tflite graph: an image [1, h, w, c] and outputs, all float32."""

import numpy as np

from models.command_line.errors import RequestError
from models.data.image_source import ImageSize
from quantize.graph.graph_editor import GraphEditor
from quantize.graph.integer_constant import add_integers

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
FROM_INTEGERS, TO_INTEGERS = ("CAST", "DEQUANTIZE"), ("CAST", "QUANTIZE")


def float_ends(editor: GraphEditor) -> None:
    """The image and the outputs as float32, without what makes integers of them."""
    from ai_edge_litert import schema_py_generated as schema

    floating, image = schema.TensorType.FLOAT32, _image(editor)
    if editor.tensor(image).type != floating:
        readers = editor.consumers(image)
        outputs = [int(one.outputs[0]) for one in readers]
        if not all(
            editor.kind(one) in FROM_INTEGERS and editor.tensor(into).type == floating
            for one, into in zip(readers, outputs, strict=True)
        ):
            kinds = ", ".join(sorted({editor.kind(one) for one in readers}))
            raise RequestError(
                f"MODEL reads an image of integers in {kinds}; expected a CAST or DEQUANTIZE to "
                "float32 first: convert it with a float32 input"
            )
        for operator, into in zip(readers, outputs, strict=True):
            _without(editor, operator, into, image)
        tensor = editor.tensor(image)
        tensor.type, tensor.quantization = floating, None
    for place, index in enumerate(list(editor.subgraph.outputs)):
        maker = editor.producer(int(index))
        if maker is None or editor.tensor(int(index)).type == floating:
            continue
        if (
            editor.kind(maker) in TO_INTEGERS
            and editor.tensor(int(maker.inputs[0])).type == floating
        ):
            editor.subgraph.outputs[place] = int(maker.inputs[0])
            if not editor.consumers(int(index)):
                editor.replace(maker, [])


def _without(editor: GraphEditor, operator, made: int, read: int) -> None:
    """Take ``operator`` out: whoever reads what it made reads ``read``."""
    for consumer in editor.consumers(made):
        editor.rewire(consumer, made, read)
    editor.subgraph.outputs = [read if int(i) == made else int(i) for i in editor.subgraph.outputs]
    editor.replace(operator, [])


def image_channels_last(editor: GraphEditor, size: ImageSize) -> None:
    """An image [1, h, w, c] also for a graph that reads [1, c, h, w]."""
    from ai_edge_litert import schema_py_generated as schema

    old, wanted = _image(editor), (1, size.height, size.width, size.channels)
    if tuple(map(int, editor.tensor(old).shape)) == wanted:
        return
    image = editor.add_activation("image/channels_last", wanted)
    editor.subgraph.inputs = [image]
    for operator in editor.consumers(old):
        if (
            editor.kind(operator) == "TRANSPOSE"
            and tuple(editor.read(operator, 1)) == TO_CHANNELS_LAST
        ):
            _without(editor, operator, int(operator.outputs[0]), image)
    if editor.consumers(old):
        order = add_integers(editor, "image/order", TO_CHANNELS_FIRST)
        made = schema.OperatorT()
        made.opcodeIndex = editor._opcode(schema.BuiltinOperator.TRANSPOSE)
        made.inputs, made.outputs = (
            np.asarray([image, order], np.int32),
            np.asarray([old], np.int32),
        )
        made.builtinOptionsType = schema.BuiltinOptions.TransposeOptions
        made.builtinOptions = schema.TransposeOptionsT()
        editor.operators.insert(0, made)


def _image(editor: GraphEditor) -> int:
    return int(editor.subgraph.inputs[0])
