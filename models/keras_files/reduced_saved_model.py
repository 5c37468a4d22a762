"""A SavedModel reduced to one function: what that needs is looked at, and all else is left out.

A SavedModel runs much besides the function that is asked for: initializers of tables and resources
while it is loaded, functions that restore objects, in TensorFlow 1 any operator that its
saver names. What TensorFlow is given here holds none of them, and every node that is left is one of
``known_operators``.
"""

import math

from models.command_line.errors import RequestError
from models.keras_files import known_operators
from models.networks import size_limits

INITIALIZER = "__saved_model_init_op"
# Collections of TensorFlow 1 that name what runs when the model is loaded, and files it reads.
INITIALIZING = ("saved_model_main_op", "legacy_init_op", "table_initializer")
ASSETS = ("saved_model_assets", "asset_filepaths")
# Operators that make a table of words and fill it from constants, and those around them.
TABLES = frozenset((
    "HashTableV2", "InitializeTableV2", "LookupTableImportV2", "MutableHashTableV2", "Const",
    "Identity", "NoOp", "PartitionedCall", "StatefulPartitionedCall", "LookupTableExportV2",
    "LookupTableSizeV2",
))  # fmt: skip
RESTORING = "RestoreV2"
HOLDING = ("VarHandleOp", "Variable", "VariableV2")  # variables of TensorFlow 1
READING = "/Read/ReadVariableOp"  # what is fetched of each variable to freeze it, by its name
SIGNATURES = "signature_map"
# Types of a TensorProto, by their numbers; 20 and 21 are handles and objects, of any sort.
NUMBERS_AND_TEXT = frozenset(range(1, 20)) | {22, 23}
SHOWN = 6  # operators in a message
REMEDY = (
    "export the model again with model.export(folder), without layers and attributes that it does "
    "not need"
)


def reduced(path, meta, signature: str):
    """A SavedModel that has of ``meta``, a MetaGraphDef, the function ``signature`` and no other.

    RequestError, naming what was found, where the model at ``path`` does more than compute.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    _refuse_initializers(path, meta)
    saved = SavedModel(saved_model_schema_version=1)
    kept = saved.meta_graphs.add()
    kept.meta_info_def.tags.extend(meta.meta_info_def.tags)
    kept.graph_def.versions.CopyFrom(meta.graph_def.versions)
    if meta.HasField("object_graph_def"):
        roots, names = _objects(path, meta, signature, kept), set()
    else:
        roots, names = set(), _ends(meta, signature)
        if meta.saver_def.restore_op_name:
            kept.saver_def.CopyFrom(meta.saver_def)
            names.add(_node_of(meta.saver_def.restore_op_name))
        names |= {node.name + READING for node in meta.graph_def.node if node.op == "VarHandleOp"}
    _copy_graph(meta.graph_def, roots, names, kept.graph_def, _constants(kept))
    _check(path, kept)
    return saved


def _refuse_initializers(path, meta):
    has_assets = any(key in meta.collection_def for key in ASSETS)
    if meta.asset_file_def or has_assets:
        shown = ", ".join(repr(each.filename) for each in meta.asset_file_def[:1])
        raise RequestError(
            f"MODEL '{path}' reads assets ({shown or 'of TensorFlow 1'}) when it is loaded; "
            f"expected a network that needs none, e.g. without names of classes: {REMEDY}"
        )
    for node in meta.object_graph_def.nodes:
        kind = node.WhichOneof("kind")
        if kind == "asset" or (kind == "resource" and not _making(meta, node) <= TABLES):
            what = "an asset" if kind == "asset" else "a resource, e.g. a table,"
            raise RequestError(
                f"MODEL '{path}' has {what} which is made when it is loaded; expected a network of "
                f"weights alone, e.g. without names of classes: {REMEDY}"
            )
    run = _run_by_initializers(meta)
    if not run <= TABLES:
        shown = sorted(run - known_operators.KNOWN) or sorted(run)
        raise RequestError(
            f"MODEL '{path}' runs an initializer when it is loaded ({', '.join(shown[:SHOWN])}); "
            f"expected a network that only computes: {REMEDY}"
        )


def _run_by_initializers(meta) -> set[str]:
    """The operators that run, by what the file says, when it is loaded."""
    nodes = {node.name: node for node in meta.graph_def.node}
    names = [
        info.name
        for key, definition in meta.signature_def.items()
        if key == INITIALIZER
        for info in definition.outputs.values()
    ]
    for key in INITIALIZING:
        names += meta.collection_def[key].node_list.value if key in meta.collection_def else []
    return _operators(meta, _reachable(nodes, map(_node_of, names)))


def _making(meta, resource) -> set[str]:
    """The operators of the functions of a resource, e.g. those that make and fill a table."""
    objects = meta.object_graph_def.nodes
    held = [objects[each.node_id] for each in resource.children if each.node_id < len(objects)]
    names = {name for each in held for name in each.function.concrete_functions}
    made = _functions(meta.graph_def, names)
    return _operators(meta, [node for each in made for node in each.node_def])


def _operators(meta, nodes) -> set[str]:
    """The operators of ``nodes`` and of all functions that they call."""
    called = _functions(meta.graph_def, [name for node in nodes for name in _called(node)])
    inner = [node for each in called for node in each.node_def]
    return {node.op for node in (*nodes, *inner)} - {each.signature.name for each in called}


# TensorFlow 2: objects that hold functions


def _objects(path, meta, signature, kept) -> set[str]:
    """Copy the objects, without functions but that of ``signature``; the names of its functions.

    Their numbers stay: functions name the variables that they read by them.
    """
    graph = kept.object_graph_def
    graph.CopyFrom(meta.object_graph_def)
    chosen = _signature_node(path, graph, signature)
    names = set()
    for number, node in enumerate(graph.nodes):
        kind = node.WhichOneof("kind")
        of_function = {
            "function": list(node.function.concrete_functions),
            "bare_concrete_function": [node.bare_concrete_function.concrete_function_name],
            "captured_tensor": [node.captured_tensor.concrete_function],
        }.get(kind, [])
        if number == chosen:
            names |= set(of_function)
        elif of_function or kind not in ("variable", "constant"):
            _make_plain(node, kind)
        for field in ("saveable_objects", "slot_variables", "registered_saver", "registered_name",
                      "serialized_user_proto"):  # fmt: skip
            node.ClearField(field)
    for name in set(graph.concrete_functions) - names:
        del graph.concrete_functions[name]
    _check_parameters(path, graph, names)
    return names


def _make_plain(node, kind):
    """An object with attributes and nothing else, but for the list of signatures."""
    if kind == "user_object" and node.user_object.identifier == SIGNATURES:
        return
    node.user_object.identifier = "_generic_user_object"  # in the place of any other kind
    node.user_object.metadata = ""


def _signature_node(path, graph, signature: str) -> int:
    """The number of the function that answers ``signature``; the list keeps no other."""
    for node in graph.nodes:
        if node.user_object.identifier == SIGNATURES:
            found = [child for child in node.children if child.local_name == signature]
            if len(found) == 1 and found[0].node_id < len(graph.nodes):
                kept = type(found[0]).FromString(found[0].SerializeToString())
                del node.children[:]
                node.children.append(kept)
                return kept.node_id
    raise RequestError(f"MODEL '{path}' has no function of the signature {signature}; {REMEDY}")


def _check_parameters(path, graph, names):
    read = {number for name in names for number in graph.concrete_functions[name].bound_inputs}
    count = sum(
        math.prod(max(0, dim.size) for dim in graph.nodes[number].variable.shape.dim)
        for number in read
        if number < len(graph.nodes) and graph.nodes[number].WhichOneof("kind") == "variable"
    )
    size_limits.check_parameters(count, f"MODEL '{path}'")


def _constants(kept) -> set[str]:
    """The nodes of the outermost graph that hold the values of constant objects."""
    nodes = kept.object_graph_def.nodes
    return {each.constant.operation for each in nodes if each.WhichOneof("kind") == "constant"}


# The graph, and the functions in its library


def _ends(meta, signature) -> set[str]:
    definition = meta.signature_def[signature]
    ends = (*definition.inputs.values(), *definition.outputs.values())
    return {_node_of(info.name) for info in ends}


def _copy_graph(graph, roots, names, kept, constants):
    nodes = {node.name: node for node in graph.node}
    kept.node.extend(_reachable(nodes, names))
    kept.node.extend(
        nodes[name] for name in constants if name in nodes and nodes[name].op == "Const"
    )
    called = [name for node in kept.node for name in _called(node)]
    kept.library.function.extend(_functions(graph, [*roots, *called]))


def _functions(graph, names) -> list:
    """The functions of those names, and all that they call."""
    functions = {function.signature.name: function for function in graph.library.function}
    waiting, entered = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in entered:
            entered.add(name)
            waiting += [each for node in functions[name].node_def for each in _called(node)]
    return [functions[name] for name in sorted(entered)]


def _reachable(nodes, names):
    """The nodes that those called ``names`` need, themselves as well, in the graph's order."""
    waiting, entered = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in entered:
            entered.add(name)
            waiting += map(_node_of, nodes[name].input)
    return [node for name, node in nodes.items() if name in entered]


def _called(node):
    """The functions that a node may call: by an attribute, or by being called like one."""
    yield node.op
    for attribute in node.attr.values():
        yield attribute.func.name
        yield from (each.name for each in attribute.list.func)


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


# What is left


def check_operators(path, graph, leave_out=()):
    """RequestError where a GraphDef or a function in it has an operator that is not known, but for
    the outermost nodes named in ``leave_out``."""
    from tensorflow.python.framework import op_def_registry

    functions = {function.signature.name for function in graph.library.function}
    # A function of an operator's name would hide that.
    functions = {name for name in functions if op_def_registry.get(name) is None}
    nodes = [node for function in graph.library.function for node in function.node_def]
    nodes += [node for node in graph.node if node.name not in leave_out]
    operators = {node.op for node in nodes} - functions
    values = [node.attr["value"].tensor.dtype for node in nodes if node.op == "Const"]
    if any(dtype not in NUMBERS_AND_TEXT for dtype in values):
        operators.add("Const of objects")
    why = known_operators.why_not(operators)
    if why:
        raise RequestError(f"MODEL '{path}' {why}")


def _check(path, kept):
    graph = kept.graph_def
    restoring = {n.name for n in graph.node if n.op == RESTORING and _restores(n, kept)}
    check_operators(path, graph, restoring)
    inner = [node for function in graph.library.function for node in function.node_def]
    constants = [node for node in (*inner, *graph.node) if node.op == "Const"]
    shapes = [node.attr["value"].tensor.tensor_shape for node in constants]
    shapes += [node.attr["shape"].shape for node in graph.node if node.op in HOLDING]
    count = sum(math.prod(max(0, dim.size) for dim in shape.dim) for shape in shapes)
    size_limits.check_parameters(count, f"MODEL '{path}'")


def _restores(node, kept) -> bool:
    """True where ``node`` reads the checkpoint that is given to the saver, and no other file."""
    nodes = {each.name: each for each in kept.graph_def.node}
    name = _node_of(node.input[0]) if node.input else ""
    given = _node_of(kept.saver_def.filename_tensor_name)
    for _ in range(len(nodes)):
        if name == given or name not in nodes or nodes[name].op != "Identity":
            break
        name = _node_of(nodes[name].input[0])
    return bool(given) and name == given and nodes[name].op in ("Const", "PlaceholderWithDefault")
