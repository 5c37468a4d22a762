"""h-swish and hard-sigmoid as ADD and MUL, which integer kernels run where HARD_SWISH has none.

``x * relu6(x + 3) / 6`` becomes ``x * relu6(x + 3)``, and the sixth goes into the weights that read
it: through poolings, products and sums, exact but for the rounding of float32. In MobileNetV3 the
squeeze-and-excite gates, ``relu6(...) / 6``, lose their division the same way.
"""

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import Draft

# Ops f with f(c * x) = c * f(x) for every c > 0.
HOMOGENEOUS = ("MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RESHAPE", "SQUEEZE", "TRANSPOSE", "PAD")
OPEN_ABOVE = ("NONE", "RELU")  # fused activations that a positive factor passes through


def lower(graph: Graph) -> Graph:
    """``graph`` without HARD_SWISH and without divisions behind gates; its outputs stay the same.

    Where the readers of an h-swish cannot take the sixth, a MUL by 1/6 stays behind it.
    """
    if not {"HARD_SWISH", "MUL"} & set(graph.op_histogram):
        return graph
    draft = Draft(graph)
    for operator in draft.of_kind("HARD_SWISH"):
        _lower_hard_swish(draft, operator)
    for operator in draft.of_kind("MUL"):
        _fold_scalar(draft, operator)
    return draft.graph()


def _lower_hard_swish(draft: Draft, operator) -> None:
    x, y = int(operator.inputs[0]), int(operator.outputs[0])
    name, shape = draft.name(y).split(";")[0], draft.tensor(y).shape
    shifted = draft.add_activation(f"{name}/relu6", shape)
    three = draft.add_constant(f"{name}/three", np.float32(3))
    product = draft.operator("MUL", [x, shifted], y)
    made = [draft.operator("ADD", [x, three], shifted, "RELU6"), product]
    draft.replace(operator, made)
    readers = draft.consumers(y)
    able = [reader for reader in readers if _can_divide(draft, reader, y)]
    if len(able) < len(readers) or draft.is_output(y):
        six_times = draft.add_activation(f"{name}/six_times", shape)
        product.outputs = np.asarray([six_times], np.int32)
        sixth = draft.add_constant(f"{name}/sixth", np.float32(1 / 6))
        draft.replace(product, [product, draft.operator("MUL", [six_times, sixth], y)])
        for reader in able:
            draft.rewire(reader, y, six_times)
        y = six_times
    for reader in able:
        _divide(draft, reader, y, 6.0)


def _fold_scalar(draft: Draft, operator) -> None:
    """Let the readers of ``x * constant`` read ``x``, where all of them can take the constant."""
    x, y = int(operator.inputs[0]), int(operator.outputs[0])
    factor = draft.constant(int(operator.inputs[1]))
    if factor is None or factor.size != 1 or factor.item() <= 0 or draft.is_output(y):
        return
    readers = draft.consumers(y)
    if draft.activation(operator) != "NONE" or not all(_can_divide(draft, r, y) for r in readers):
        return
    draft.replace(operator, [])
    for reader in readers:
        draft.rewire(reader, y, x)
        _divide(draft, reader, x, 1 / factor.item())


def _can_divide(draft: Draft, reader, index: int) -> bool:
    """Whether ``reader`` and what follows can make up for a factor on its input ``index``."""
    kind, output = draft.kind(reader), int(reader.outputs[0])
    if list(reader.inputs).count(index) > 1:
        return False
    if kind in LINEAR:
        return reader.inputs[0] == index and draft.reads_constant(reader, 1)
    if kind not in (*HOMOGENEOUS, "MUL", "ADD") or draft.activation(reader) not in OPEN_ABOVE:
        return False
    if kind == "MUL" and draft.reads_constant(reader, _other(reader, index)):
        return True
    if kind == "ADD" and not _can_multiply(draft, reader, _other(reader, index)):
        return False
    return not draft.is_output(output) and all(
        _can_divide(draft, r, output) for r in draft.consumers(output)
    )


def _can_multiply(draft: Draft, reader, position: int) -> bool:
    """Whether the input of ``reader`` at ``position`` can be made larger by its own weights."""
    if draft.reads_constant(reader, position):
        return True
    index = int(reader.inputs[position])
    maker = draft.producer(index)
    return (
        maker is not None
        and draft.kind(maker) in LINEAR
        and draft.activation(maker) in OPEN_ABOVE
        and len(draft.consumers(index)) == 1
        and not draft.is_output(index)
        and all(draft.reads_constant(maker, i) for i in range(1, len(maker.inputs)))
    )


def _divide(draft: Draft, reader, index: int, factor: float) -> None:
    """Make up for the ``factor`` that the input ``index`` of ``reader`` now has too much."""
    kind, output = draft.kind(reader), int(reader.outputs[0])
    if kind in LINEAR:
        _scale(draft, reader, 1, 1 / factor)
        return
    if kind == "MUL" and draft.reads_constant(reader, _other(reader, index)):
        _scale(draft, reader, _other(reader, index), 1 / factor)
        return
    if kind == "ADD":
        _multiply(draft, reader, _other(reader, index), factor)
    for follower in draft.consumers(output):
        _divide(draft, follower, output, factor)


def _multiply(draft: Draft, reader, position: int, factor: float) -> None:
    if draft.reads_constant(reader, position):
        _scale(draft, reader, position, factor)
        return
    maker = draft.producer(int(reader.inputs[position]))
    for i in range(1, len(maker.inputs)):
        _scale(draft, maker, i, factor)


def _scale(draft: Draft, operator, position: int, factor: float) -> None:
    draft.write(operator, position, draft.read(operator, position) * np.float32(factor))


def _other(reader, index: int) -> int:
    """The position of the input of a binary ``reader`` that is not ``index``."""
    return 1 if reader.inputs[0] == index else 0
