"""1/sqrt(x) of what may be 0, e.g. the norm of a vector that ReLU left empty.

XNNPACK's kernel, which phones and PCs run, makes NaN of 0 where TensorFlow's makes infinity, and
one NaN spoils all that is computed after it. A MAXIMUM ahead of it keeps x off 0.
"""

import numpy as np

from quantize.graph.graph_editor import GraphEditor

SMALLEST = 1e-30  # XNNPACK's kernel is right from about 1e-37 on


def keep_roots_off_zero(editor: GraphEditor) -> bool:
    """Put a MAXIMUM ahead of each RSQRT whose input may be 0; False where there is none."""
    found = [one for one in editor.of_kind("RSQRT") if not _is_positive(editor, one)]
    for operator in found:
        index = int(operator.inputs[0])
        name = editor.name(index)
        limit = editor.add_constant(f"{name}/smallest", np.float32(SMALLEST))
        above = editor.add_activation(f"{name}/above_zero", editor.tensor(index).shape)
        editor.replace(operator, [editor.operator("MAXIMUM", [index, limit], above), operator])
        editor.rewire(operator, index, above)
    return bool(found)


def _is_positive(editor: GraphEditor, operator) -> bool:
    """True where a positive constant was added to the input, or is the least that it can be."""
    producer = editor.producer(int(operator.inputs[0]))
    if producer is None or editor.kind(producer) not in ("ADD", "MAXIMUM"):
        return False
    constants = [
        editor.read(producer, place)
        for place in range(len(producer.inputs))
        if editor.reads_constant(producer, place)
    ]
    return any((value > 0).all() for value in constants)
