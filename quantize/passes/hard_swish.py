"""h-swish and hard-sigmoid as ADD and MUL, which integer kernels run where HARD_SWISH has none.

``x * relu6(x + 3) / 6`` becomes ``x * relu6(x + 3)``, and the sixth goes into the weights that read
it: through poolings, products and sums, exact but for the rounding of float32. In MobileNetV3 the
squeeze-and-excite gates, ``relu6(...) / 6``, lose their division the same way.
"""

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor

# Ops f with f(c * x) = c * f(x) for every c > 0.
HOMOGENEOUS = ("MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RESHAPE", "SQUEEZE", "TRANSPOSE", "PAD")
OPEN_ABOVE = ("NONE", "RELU")  # fused activations that a positive factor passes through


def lower(graph: Graph) -> Graph:
    """``graph`` without HARD_SWISH and without divisions after gates; its outputs stay the same.

    Where the readers of an h-swish cannot take the sixth, a MUL by 1/6 stays after it.
    """
    if not {"HARD_SWISH", "MUL"} & set(graph.op_histogram):
        return graph
    editor = GraphEditor(graph)
    for operator in editor.of_kind("HARD_SWISH"):
        _lower_hard_swish(editor, operator)
    for operator in editor.of_kind("MUL"):
        _fold_scalar(editor, operator)
    return editor.graph()


def _lower_hard_swish(editor: GraphEditor, operator) -> None:
    x, y = int(operator.inputs[0]), int(operator.outputs[0])
    name, shape = editor.name(y).split(";")[0], editor.tensor(y).shape
    shifted = editor.add_activation(f"{name}/relu6", shape)
    three = editor.add_constant(f"{name}/three", np.float32(3))
    product = editor.operator("MUL", [x, shifted], y)
    made = [editor.operator("ADD", [x, three], shifted, "RELU6"), product]
    editor.replace(operator, made)
    readers = editor.consumers(y)
    able = [reader for reader in readers if _can_divide(editor, reader, y)]
    if len(able) < len(readers) or editor.is_output(y):
        six_times = editor.add_activation(f"{name}/six_times", shape)
        product.outputs = np.asarray([six_times], np.int32)
        sixth = editor.add_constant(f"{name}/sixth", np.float32(1 / 6))
        editor.replace(product, [product, editor.operator("MUL", [six_times, sixth], y)])
        for reader in able:
            editor.rewire(reader, y, six_times)
        y = six_times
    for reader in able:
        _divide(editor, reader, y, 6.0)


def _fold_scalar(editor: GraphEditor, operator) -> None:
    """Let the readers of ``x * constant`` read ``x``, where all of them can take the constant."""
    x, y = int(operator.inputs[0]), int(operator.outputs[0])
    factor = editor.constant(int(operator.inputs[1]))
    if factor is None or factor.size != 1 or factor.item() <= 0 or editor.is_output(y):
        return
    readers = editor.consumers(y)
    if editor.activation(operator) != "NONE" or not all(_can_divide(editor, r, y) for r in readers):
        return
    editor.replace(operator, [])
    for reader in readers:
        editor.rewire(reader, y, x)
        _divide(editor, reader, x, 1 / factor.item())


def _can_divide(editor: GraphEditor, reader, index: int) -> bool:
    """True where ``reader`` and what follows can make up for a factor on its input ``index``."""
    kind, output = editor.kind(reader), int(reader.outputs[0])
    if list(reader.inputs).count(index) > 1:
        return False
    if kind in LINEAR:
        return reader.inputs[0] == index and editor.reads_constant(reader, 1)
    if kind not in (*HOMOGENEOUS, "MUL", "ADD") or editor.activation(reader) not in OPEN_ABOVE:
        return False
    if kind == "MUL" and editor.reads_constant(reader, _other(reader, index)):
        return True
    if kind == "ADD" and not _can_multiply(editor, reader, _other(reader, index)):
        return False
    return not editor.is_output(output) and all(
        _can_divide(editor, r, output) for r in editor.consumers(output)
    )


def _can_multiply(editor: GraphEditor, reader, position: int) -> bool:
    """True where the input of ``reader`` at ``position`` can be made larger by its own weights."""
    if editor.reads_constant(reader, position):
        return True
    index = int(reader.inputs[position])
    maker = editor.producer(index)
    return (
        maker is not None
        and editor.kind(maker) in LINEAR
        and editor.activation(maker) in OPEN_ABOVE
        and len(editor.consumers(index)) == 1
        and not editor.is_output(index)
        and all(editor.reads_constant(maker, i) for i in range(1, len(maker.inputs)))
    )


def _divide(editor: GraphEditor, reader, index: int, factor: float) -> None:
    """Make up for the ``factor`` that the input ``index`` of ``reader`` now has too much."""
    kind, output = editor.kind(reader), int(reader.outputs[0])
    if kind in LINEAR:
        _scale(editor, reader, 1, 1 / factor)
        return
    if kind == "MUL" and editor.reads_constant(reader, _other(reader, index)):
        _scale(editor, reader, _other(reader, index), 1 / factor)
        return
    if kind == "ADD":
        _multiply(editor, reader, _other(reader, index), factor)
    for follower in editor.consumers(output):
        _divide(editor, follower, output, factor)


def _multiply(editor: GraphEditor, reader, position: int, factor: float) -> None:
    if editor.reads_constant(reader, position):
        _scale(editor, reader, position, factor)
        return
    maker = editor.producer(int(reader.inputs[position]))
    for i in range(1, len(maker.inputs)):
        _scale(editor, maker, i, factor)


def _scale(editor: GraphEditor, operator, position: int, factor: float) -> None:
    editor.write(operator, position, editor.read(operator, position) * np.float32(factor))


def _other(reader, index: int) -> int:
    """The position of the input of a binary ``reader`` that is not ``index``."""
    return 1 if reader.inputs[0] == index else 0
