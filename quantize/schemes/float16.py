"""float16 weights under float32 activations: half the bytes, the same operators."""

from collections.abc import Iterable

import numpy as np

from quantize.graph.graph import LINEAR, Graph
from quantize.graph.graph_editor import GraphEditor

LIMITS = np.finfo(np.float16)
LARGEST, SMALLEST = float(LIMITS.max), float(LIMITS.smallest_normal)
WITH_WEIGHTS = (*LINEAR, "TRANSPOSE_CONV")  # at their second input
NAMED = 3  # tensors that a warning names


def quantize(graph: Graph) -> Graph:
    """``graph`` with weights stored as float16 and widened when the file is loaded.

    A tensor with weights that float16 cannot hold stays float32; ``unfit`` names them.
    """
    editor = GraphEditor(graph)
    halves: dict[int, int] = {}  # a buffer: the constant that it became
    for index in _weights(editor):
        value, buffer = editor.constant(index), editor.tensor(index).buffer
        if not fits(value):
            continue
        if buffer not in halves:
            name = f"{editor.name(index)}/float16"
            halves[buffer] = editor.add_constant(name, value.astype(np.float16))
        first = next(o for o in editor.operators if index in list(o.inputs))
        editor.replace(first, [editor.operator("DEQUANTIZE", [halves[buffer]], index), first])
        editor.tensor(index).buffer = 0  # computed from now on, under the name that it had
    return editor.graph()


def rounded(graph: Graph) -> Graph:
    """The float32 graph with the outputs of ``quantize``: ``graph`` with those weights rounded
    that are stored as float16."""
    editor = GraphEditor(graph)
    _round(editor, _weights(editor))
    return editor.graph()


def all_rounded(graph: Graph) -> Graph:
    """``graph`` with every float32 constant of several numbers rounded to float16, biases too: a
    file that stores no more than that as float16 is as near to the network as this is."""
    editor = GraphEditor(graph)
    _round(editor, range(len(editor.subgraph.tensors)))
    return editor.graph()


def _round(editor: GraphEditor, indices: Iterable[int]) -> None:
    for index in indices:
        value = editor.constant(index)
        is_float = value is not None and value.dtype == np.float32
        if is_float and value.size > 1 and fits(value):
            editor.set_constant(index, value.astype(np.float16).astype(np.float32))


def unfit(graph: Graph) -> str | None:
    """A sentence that names the weights which float16 cannot hold; None where it holds them all."""
    editor = GraphEditor(graph)
    names = [editor.name(i) for i in _weights(editor) if not fits(editor.constant(i))]
    if not names:
        return None
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    shown = ", ".join(name.split(";")[0] for name in names[:NAMED])
    verb = "stays" if len(names) == 1 else "stay"
    return (
        f"float16 files: {shown}{more} {verb} float32, with weights beyond {LARGEST:.0f} or all "
        f"below {SMALLEST:.1e}, where float16 has no numbers"
    )


def _weights(editor: GraphEditor) -> list[int]:
    """The float32 constants that layers multiply with."""
    layers = (o for o in editor.operators if editor.kind(o) in WITH_WEIGHTS)
    read = dict.fromkeys(int(layer.inputs[1]) for layer in layers)
    values = ((index, editor.constant(index)) for index in read)
    return [index for index, value in values if value is not None and value.dtype == np.float32]


def fits(value: np.ndarray) -> bool:
    """True where float16 can hold the numbers of a tensor: none is too large, and the largest is
    not so small that what float16 keeps of it are a few bits, or nothing."""
    peak = float(np.abs(value).max(initial=0))
    return peak == 0 or SMALLEST <= peak <= LARGEST
