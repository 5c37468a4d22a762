"""The activations of an int8 graph that have one step together."""

from collections.abc import Collection

from quantize.graph.graph import LINEAR, Graph

# Kinds whose output has a step of its own. The others give what they read in the steps it has, or
# have a step that the kind prescribes, e.g. a softmax.
OWN_STEP = (*LINEAR, "ADD", "SUB", "MUL", "MEAN", "BATCH_MATMUL", "TRANSPOSE_CONV", "QUANTIZE")


def groups(graph: Graph, kept: Collection[str] = ()) -> list[list[str]]:
    """Names of the activations that have to keep the same step and zero point, for each step that
    may change. An activation in ``kept`` or with a prescribed step, and all that share it, is in
    none."""
    affine = {name: graph.quantization(name) for name in graph.activations}
    leader = {name: name for name, found in affine.items() if found is not None}

    def leading(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    prescribed = {name for name in kept if name in leader}
    for kind, inputs, outputs in graph.operators():
        made = outputs[0]
        if kind in OWN_STEP or made not in leader:
            continue
        sharing = [name for name in inputs if name in leader and _alike(affine[name], affine[made])]
        for name in sharing:
            leader[leading(name)] = leading(made)
        if not sharing:
            prescribed.add(made)
    fixed = {leading(name) for name in prescribed}
    found: dict[str, list[str]] = {}
    for name in leader:
        if leading(name) not in fixed:
            found.setdefault(leading(name), []).append(name)
    return list(found.values())


def _alike(one, other) -> bool:
    return one.scale[0] == other.scale[0] and one.zero_point[0] == other.zero_point[0]
