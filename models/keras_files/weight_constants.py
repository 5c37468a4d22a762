"""The variables of a traced function as constants of its graph.

TensorFlow's own way holds some eight copies of all weights at a time. Here they are filled in last,
one after the other, and whoever only looks at the graph gets zeros in place of the large ones.
"""

import numpy as np

LARGE = 2**16  # numbers; smaller ones tell something, e.g. the statistics of a normalization
CALLS = ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If",
         "StatelessIf", "Case", "StatelessCase")  # fmt: skip


def without_variables(concrete) -> tuple[object, dict[str, object]]:
    """A GraphDef of ``concrete`` in which variables are constants, and those still to be filled in:
    each variable by the name of its node."""
    found = _read_only(concrete)
    if found is not None:
        return found
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(concrete).graph.as_graph_def(), {}


def _read_only(concrete):
    """As ``without_variables``; None where more is done with variables than to read them."""
    variables = {id(variable.handle): variable for variable in concrete.graph.variables}
    captured = {inner.op.name: outer for outer, inner in concrete.graph.captures}
    definition, weights = concrete.graph.as_graph_def(), {}
    kept = []
    for node in definition.node:
        node.input[:] = [name for name in node.input if not name.startswith("^")]
        reads = [name for name in node.input if name.partition(":")[0] in captured]
        if node.op in CALLS or (reads and node.op != "ReadVariableOp"):
            return None
        if node.name in captured:
            variable = variables.get(id(captured[node.name]))
            if variable is None:
                return None
            weights[node.name] = variable
            _become_constant(node, variable.dtype, variable.shape)
        elif node.op == "ReadVariableOp":
            dtype = node.attr["dtype"].type
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = dtype
        if node.op != "NoOp":
            kept.append(node)
    if len(kept) < len(definition.node):
        nodes = [type(node).FromString(node.SerializeToString()) for node in kept]
        del definition.node[:]
        definition.node.extend(nodes)
    return definition, weights


def _become_constant(node, dtype, shape) -> None:
    """Without a value: one is still to be filled in."""
    node.op = "Const"
    node.attr.clear()
    node.attr["dtype"].type = dtype.as_datatype_enum
    tensor = node.attr["value"].tensor
    tensor.dtype = dtype.as_datatype_enum
    tensor.tensor_shape.CopyFrom(shape.as_proto())


def filled(definition, weights: dict[str, object]):
    """A copy of ``definition`` whose constants have the values of their variables."""
    made = type(definition)()
    made.CopyFrom(definition)
    return _fill_in(made, weights)


def _fill_in(definition, weights: dict[str, object]):
    for node in definition.node:
        if node.name in weights:
            tensor = node.attr["value"].tensor
            tensor.tensor_content = np.asarray(weights[node.name]).tobytes()
    return definition


def with_stand_ins(definition, weights: dict[str, object]):
    """A copy of ``definition`` with the values of small weights, and zeros in place of large
    constants."""
    made = type(definition)()
    made.versions.CopyFrom(definition.versions)
    made.library.CopyFrom(definition.library)
    for node in definition.node:
        copied = made.node.add()
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        count = None if tensor is None else _count(tensor)
        if count is not None and count >= LARGE and _is_float(tensor):
            copied.name, copied.op = node.name, node.op
            copied.attr["dtype"].CopyFrom(node.attr["dtype"])
            stand_in = copied.attr["value"].tensor
            stand_in.dtype = tensor.dtype
            stand_in.tensor_shape.CopyFrom(tensor.tensor_shape)
            stand_in.float_val.append(0.0)
        else:
            copied.CopyFrom(node)
    small = {name: w for name, w in weights.items() if w.shape.num_elements() < LARGE}
    return _fill_in(made, small)


def _count(tensor) -> int:
    return int(np.prod([dim.size for dim in tensor.tensor_shape.dim]))


def _is_float(tensor) -> bool:
    from tensorflow.python.framework import dtypes

    return tensor.dtype == dtypes.float32.as_datatype_enum
