"""The check that a .tflite file is a float graph, from which everything else can be made."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.tflite_files.arithmetic import CONVERSIONS, INTEGERS
from models.tflite_files.object_tree import ObjectTree

CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE")

SHOWN = 4


def check_float(path: Path, tree: ObjectTree) -> None:
    """RequestError, in one line with the remedy, for a file that is not the float network."""
    _refuse_unknown(path, tree)
    for operator in tree.computed():
        if tree.kind(operator) in CONVERSIONS:
            continue
        # The converter calls a fused operator after all that it was made of.
        name = tree.name(operator.outputs[0]).partition(";")[0]
        where = f"{tree.kind(operator)} {name}"
        for index in (int(i) for i in operator.inputs if i >= 0):
            dtype = tree.dtype(index)
            if dtype in INTEGERS and tree.affine(index) is not None:
                what = "stores the weights of" if tree.is_constant(index) else "computes"
                raise RequestError(
                    f"MODEL '{path}' {what} {where} in {dtype}: the float values are "
                    "gone; expected the float32 or float16 .tflite file of the same network, or "
                    f"use make bench FILE={path} to measure it as it is"
                )
            if dtype == "float16" and not tree.is_constant(index):
                raise RequestError(
                    f"MODEL '{path}' computes {where} in float16, which LiteRT does on no CPU; "
                    "expected float32, or float16 weights alone"
                )


def _refuse_unknown(path: Path, tree: ObjectTree) -> None:
    custom = sorted({tree.kind(one) for one in tree.operators if tree.is_custom(one)})
    if custom:
        shown = ", ".join(custom[:SHOWN])
        more = f" and {len(custom) - SHOWN} more" if len(custom) > SHOWN else ""
        raise RequestError(
            f"MODEL '{path}' has custom operators: {shown}{more}; expected operators of TFLite "
            "alone: convert the network without them"
        )
    control = sorted({tree.kind(one) for one in tree.operators} & set(CONTROL_FLOW))
    if control:
        raise RequestError(
            f"MODEL '{path}' has {', '.join(control)}: parts that run on a condition, in a loop or "
            "as functions; expected one plain graph"
        )
    if any(tensor.isVariable for tensor in tree.subgraph.tensors):
        raise RequestError(
            f"MODEL '{path}' keeps a state from one image to the next; expected one image in, its "
            "outputs out"
        )
