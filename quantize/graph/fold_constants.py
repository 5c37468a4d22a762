"""Operators on constants alone (weights stored as float16 or sparse), computed once and for all."""

import copy

import numpy as np

from quantize.graph.graph import tensor_dtype
from quantize.graph.graph_editor import GraphEditor
from quantize.runtime.model_session import open_session


def fold_constants(editor: GraphEditor) -> bool:
    """Store what operators compute from constants alone, float32 for float16; False where there is
    no such operator."""
    from ai_edge_litert import schema_py_generated as schema

    _densified(editor)
    shapes = _shapes_folded(editor)
    known = {n for n in range(len(editor.subgraph.tensors)) if editor.constant_bytes(n) is not None}
    folded = []
    for operator in editor.operators:
        if all(int(i) in known for i in operator.inputs if i >= 0) and len(operator.inputs):
            folded.append(operator)
            known |= {int(i) for i in operator.outputs}
    if folded:
        for index, value in _values(editor, folded).items():
            tensor = editor.tensor(index)
            if value.dtype == np.float16:
                value, tensor.type = value.astype(np.float32), schema.TensorType.FLOAT32
            tensor.shape = np.asarray(value.shape, np.int32)
            editor.set_constant(index, value)
        gone = {id(operator) for operator in folded}
        editor.subgraph.operators = [one for one in editor.operators if id(one) not in gone]
    return shapes or bool(folded)


def _shapes_folded(editor: GraphEditor) -> bool:
    """Every shape here is fixed, also that which a file for any batch asks for."""
    found = editor.of_kind("SHAPE")
    for operator in found:
        shape = editor.tensor(int(operator.inputs[0])).shape
        index = int(operator.outputs[0])
        editor.set_constant(index, np.asarray(shape, tensor_dtype(editor.tensor(index).type)))
        editor.operators.remove(operator)
    return bool(found)


def _densified(editor: GraphEditor) -> None:
    """A DENSIFY ahead of every operator that reads sparse weights itself."""
    from ai_edge_litert import schema_py_generated as schema

    for index, tensor in enumerate(list(editor.subgraph.tensors)):
        if tensor.sparsity is None:
            continue
        readers = [one for one in editor.consumers(index) if editor.kind(one) != "DENSIFY"]
        if readers:
            dense = copy.copy(tensor)
            dense.name, dense.sparsity, dense.buffer = tensor.name + b"/dense", None, 0
            editor.subgraph.tensors.append(dense)
            made = schema.OperatorT()
            made.opcodeIndex = editor._opcode(schema.BuiltinOperator.DENSIFY)
            made.inputs = np.asarray([index], np.int32)
            made.outputs = np.asarray([len(editor.subgraph.tensors) - 1], np.int32)
            for operator in readers:
                editor.rewire(operator, index, int(made.outputs[0]))
            editor.operators.insert(0, made)


def _values(editor: GraphEditor, operators: list) -> dict[int, np.ndarray]:
    """The outputs of operators on constants, by LiteRT, as far as others read them."""
    made = {int(i) for operator in operators for i in operator.outputs}
    inside = {id(operator) for operator in operators}
    outside = [one for one in editor.operators if id(one) not in inside]
    wanted = {int(i) for one in outside for i in one.inputs} | set(
        map(int, editor.subgraph.outputs)
    )
    part = copy.copy(editor.subgraph)
    chosen = sorted(made & wanted)
    part.inputs, part.outputs = [], list(chosen)
    part.operators, part.tensors = [copy.copy(one) for one in operators], list(part.tensors)
    graph = editor.with_subgraph(part).graph()
    session = open_session("litert-builtin", graph.content)
    session.run()
    return {index: session.output(n) for n, index in enumerate(chosen)}
