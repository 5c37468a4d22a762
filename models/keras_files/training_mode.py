"""Batch normalization that a SavedModel runs as in training: on its moving statistics instead.

A graph that Keras saved of a layer called with ``training=True`` has the moving statistics beside
those of the images, to change them; they are what the layer uses once it is trained. Keras 3 does
so unasked behind layers for which training is the default, as Resizing.
"""

NORMALIZATION = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
ASSIGNMENT = ("AssignVariableOp", "AssignSubVariableOp", "AssignAddVariableOp")


def is_training(node) -> bool:
    """True for a normalization by the statistics of its images; a saved node leaves that out."""
    return node.op in NORMALIZATION and (
        "is_training" not in node.attr or node.attr["is_training"].b
    )


def switched_off(graph, signature) -> list[str]:
    """Change ``graph`` (a GraphDef with its functions) so that ``signature`` computes as in use.

    Names of the layers that were changed, in order.
    """
    changed = []
    for function in _functions_of(graph, signature):
        reads = {node.name for node in function.node_def if node.op == "ReadVariableOp"}
        found = [
            node
            for node in function.node_def
            if is_training(node)
            and all(each.partition(":")[0] in reads for each in node.input[3:5])
        ]
        for node in found:
            node.attr["is_training"].b = False
        names = [node.name for node in found]
        gone = _assignments(function, names) if names else set()
        gone |= _read_averages(function)
        if gone:
            _remove(function, gone)
        changed += [name.rpartition("/")[0] or name for name in (*names, *sorted(gone))]
    return list(dict.fromkeys(changed))


def _read_averages(function) -> set[str]:
    """Make ``function`` read the moving average of each statistic that it computes of its images
    and adds to that average; the assignments that are then no more needed."""
    nodes, gone, averages = {node.name: node for node in function.node_def}, set(), {}
    for node in function.node_def:
        if node.op != "AssignVariableOp":
            continue
        variable, total = node.input[0], nodes.get(node.input[1].partition(":")[0])
        parts = [nodes.get(each.partition(":")[0]) for each in total.input] if total else []
        if len(parts) != 2 or any(part is None or part.op != "Mul" for part in parts):
            continue
        reads = [
            read.name
            for part in parts
            if (read := nodes.get(part.input[0].partition(":")[0])) is not None
            and read.op == "ReadVariableOp"
            and read.input[0] == variable
        ]
        if len(reads) == 1:
            (statistic,) = (
                part.input[0] for part in parts if part.input[0].partition(":")[0] != reads[0]
            )
            averages[statistic] = f"{reads[0]}:value:0"
            gone.add(node.name)
    for node in function.node_def:
        node.input[:] = [averages.get(name, name) for name in node.input]
    return gone


def _functions_of(graph, signature):
    """The functions that the outputs of ``signature`` need."""
    nodes = {node.name: node for node in graph.node}
    functions = {function.signature.name: function for function in graph.library.function}
    ahead = [nodes.get(info.name.partition(":")[0]) for info in signature.outputs.values()]
    seen, found = set(), {}
    while ahead:
        node = ahead.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        ahead += [nodes.get(each.lstrip("^").partition(":")[0]) for each in node.input]
        for attribute in node.attr.values():
            for name in (attribute.func.name, *(each.name for each in attribute.list.func)):
                if name in functions and name not in found:
                    found[name] = functions[name]
                    ahead += functions[name].node_def
    return list(found.values())


def _assignments(function, normalizations: list[str]) -> set[str]:
    """The nodes that change variables by the statistics of ``normalizations``."""
    return {
        node.name
        for node in function.node_def
        if node.op in ASSIGNMENT
        and any(each.partition(":")[0] in normalizations for each in node.input)
    }


def _remove(function, gone: set[str]) -> None:
    """Take out the nodes named in ``gone``, which give nothing but their having run."""
    kept = [node for node in function.node_def if node.name not in gone]
    for node in kept:
        inputs = [each for each in node.input if each.removeprefix("^") not in gone]
        del node.input[:]
        node.input.extend(inputs)
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del function.node_def[:]
    function.node_def.extend(copies)
    for key in [key for key, name in function.control_ret.items() if name in gone]:
        del function.control_ret[key]
        if key in function.signature.control_output:
            function.signature.control_output.remove(key)
