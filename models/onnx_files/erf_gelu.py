"""GELU as exporters write it before opset 20: x * (1 + erf(x / sqrt(2))) / 2, as one node again."""

from collections.abc import Sequence

import numpy as np


def with_gelu(nodes: Sequence, constants: dict) -> list:
    """The ``nodes`` with a Gelu where the last product of such a chain was; what came before it is
    still there. ``constants``: the stored arrays by name."""
    made_by = {name: node for node in nodes for name in node.output}
    return [
        _gelu(node, read)
        if node.op_type == "Mul" and (read := _gelu_of(node, made_by, constants))
        else node
        for node in nodes
    ]


def _gelu_of(node, made_by: dict, constants: dict) -> str | None:
    """The x of which ``node`` is the last product of a GELU; None where it is something else."""

    def array(name: str):
        if name in constants:
            return constants[name]
        maker = made_by.get(name)
        if maker is None or maker.op_type != "Constant":
            return None
        from onnx import numpy_helper

        values = [one.t for one in maker.attribute if one.name == "value"]
        return numpy_helper.to_array(values[0]) if values else None

    def number(name: str, wanted: float) -> bool:
        found = array(name)
        return found is not None and found.size == 1 and bool(np.allclose(found, wanted, 1e-4))

    def factors(name: str, depth: int = 3) -> list[str]:
        """The factors of a product of products."""
        maker = made_by.get(name)
        if depth == 0 or maker is None or maker.op_type != "Mul":
            return [name]
        return [factor for part in maker.input for factor in factors(part, depth - 1)]

    parts = [factor for part in node.input for factor in factors(part)]
    if len(parts) != 3 or not any(number(part, 0.5) for part in parts):
        return None
    for part in parts:
        total = made_by.get(part)
        if total is None or total.op_type != "Add":
            continue
        for one, other in (total.input, reversed(total.input)):
            erf = made_by.get(other)
            if not number(one, 1.0) or erf is None or erf.op_type != "Erf":
                continue
            scaled = made_by.get(erf.input[0])
            if scaled is None or scaled.op_type not in ("Div", "Mul"):
                continue
            factor = 2**0.5 if scaled.op_type == "Div" else 0.5**0.5
            if number(scaled.input[1], factor) and scaled.input[0] in parts:
                return scaled.input[0]
    return None


def _gelu(node, read: str):
    from onnx import helper

    return helper.make_node("Gelu", [read], list(node.output), name=node.name)
