"""The arithmetic of a .tflite file: float32, float16 weights, int8 and others."""

from models.tflite_files.object_tree import ObjectTree

INTEGERS = ("int8", "uint8", "int16", "int4", "int2", "uint4")
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")  # between an integer image or output and float
NAMES = {"int16": "int16x8"}


def scheme_of(tree: ObjectTree) -> str:
    """As exported files are called; ``int8-dynamic`` where only weights are integers."""
    weights = set()
    for operator in tree.operators:
        tensors = [int(i) for i in operator.inputs if i >= 0]
        weights |= {tree.dtype(i) for i in tensors if tree.is_constant(i)}
        if tree.kind(operator) in CONVERSIONS:
            continue
        for index in tensors:
            dtype = tree.dtype(index)
            if dtype in INTEGERS and tree.affine(index) and not tree.is_constant(index):
                return NAMES.get(dtype, dtype)
    if weights & set(INTEGERS):
        return "int8-dynamic"
    return "float16" if "float16" in weights else "float32"
