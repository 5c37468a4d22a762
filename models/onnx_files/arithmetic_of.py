"""The arithmetic of an .onnx file: float32, float16 weights, int8 and others."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.model_files.model_file import End

DYNAMIC = ("DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul")
QUANTIZED = (
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd",
    "MatMulNBits", *DYNAMIC,
)  # fmt: skip
READ_AS = ("float32", "float64", "uint8")  # what an image of a float model may be
SHOWN = 3


def scheme_of(model) -> str:
    """As exported files are called; ``int8-dynamic`` where activations are quantized on the way."""
    kinds = {node.op_type for node in model.graph.node}
    if kinds & set(DYNAMIC):
        return "int8-dynamic"
    if kinds & set(QUANTIZED):
        return "int8"
    return "float16" if _is_half(model) else "float32"


def check_float(path: Path, model, image: End) -> None:
    """RequestError, in one line with the remedy, for a file that is not the float network."""
    kinds = {node.op_type for node in model.graph.node}
    if quantized := sorted(kinds & set(QUANTIZED)):
        raise RequestError(
            f"MODEL '{path}' is quantized ({', '.join(quantized[:SHOWN])}): the float values are "
            "gone; expected the float .onnx file of the same network, or use make bench "
            f"FILE={path} to measure it as it is"
        )
    half = _is_half(model) and "Cast" not in kinds
    if half or image.dtype not in READ_AS:
        raise RequestError(
            f"MODEL '{path}' computes in {'float16' if half else image.dtype}; expected float32: "
            "export it again before it was made smaller"
        )


def _is_half(model) -> bool:
    from onnx import TensorProto

    return any(one.data_type == TensorProto.FLOAT16 for one in model.graph.initializer)
