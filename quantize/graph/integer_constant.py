"""Constants of shapes and orders of axes, which are int32."""

from collections.abc import Sequence

import numpy as np

from quantize.graph.graph_editor import GraphEditor


def add_integers(editor: GraphEditor, name: str, values: Sequence[int]) -> int:
    """The index of a new int32 constant."""
    from ai_edge_litert import schema_py_generated as schema

    array = np.asarray(values, np.int32)
    index = editor.add_activation(name, array.shape)
    editor.tensor(index).type = schema.TensorType.INT32
    editor.set_constant(index, array)
    return index
