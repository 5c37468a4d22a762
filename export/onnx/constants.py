"""The integers of kernels, biases and other constants, put into a float ONNX model."""

import numpy as np

from export.onnx.model_editor import OnnxEditor
from export.onnx.tensor_matching import Matching
from models.command_line.errors import CheckFailed
from quantize.graph.graph import Quantization

MAX_KERNEL_ERROR = 0.3  # of the kernel's norm; int8 rounding alone stays near 0.01
KERNEL_AXIS = {"Conv": 0, "Gemm": 1, "MatMul": 1}  # output channels in the ONNX layout
ELEMENTWISE = ("Add", "Mul")


def quantize(editor: OnnxEditor, matching: Matching) -> None:
    """Give every constant of ``editor`` that is an integer in TFLite those integers, dequantized.

    Raises CheckFailed where a kernel is not the same one, as the tensors were matched wrongly then.
    """
    for node in list(editor.nodes):
        if node.op_type in KERNEL_AXIS:
            _quantize_kernel(editor, matching, node)
        elif node.op_type in ELEMENTWISE:
            _quantize_operand(editor, matching, node)
    editor.index()


def _quantize_kernel(editor: OnnxEditor, matching: Matching, node) -> None:
    """The integers of ``node``'s kernel and bias, dequantized in front of it."""
    graph, operator = matching.graph, matching.operator(node)
    if operator is None or node.input[1] not in editor.initializers:
        return
    kind, inputs = operator
    kernel = graph.quantization(inputs[1])
    if kernel is None:
        return
    floats = editor.constant(node.input[1])
    axis = KERNEL_AXIS[node.op_type]
    if node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
        axis = 0
    integers = _kernel_layout(kind, graph.constant(inputs[1]), floats.ndim, axis)
    scales = _along(kernel.scale, floats.ndim, axis)
    if integers.shape != floats.shape or not _alike(integers * scales, floats):
        raise CheckFailed(
            f"int8 ONNX: the kernel of {node.output[0]} is not that of the TFLite file"
        )
    _constant_pair(editor, node, 1, integers, kernel.scale, axis)
    if len(node.input) > 2 and node.input[2] and len(inputs) > 2:
        scale = graph.quantization(inputs[2]).scale
        _constant_pair(editor, node, 2, graph.constant(inputs[2]), scale, 0)


def _constant_pair(editor: OnnxEditor, node, position: int, integers, scale, axis: int) -> None:
    """Replace input ``position`` of ``node`` by integers and their DequantizeLinear."""
    from onnx import helper

    base = f"{node.output[0]}/{'kernel' if position == 1 else 'bias'}"
    scale = np.asarray(scale, np.float32)
    if len(scale) == 1:
        scale = scale.reshape(())
    editor.add_constant(f"{base}_int", integers)
    editor.add_constant(f"{base}_scale", scale)
    node.input[position] = base
    pair = [f"{base}_int", f"{base}_scale"]
    if integers.dtype == np.int8:
        # One for each scale, and none shared: without, ONNX Runtime up to 1.27 refuses a Gemm's
        # channels, and later ones do where they are told to multiply without overflow.
        pair.append(f"{base}_zero_point")
        editor.add_constant(pair[-1], np.zeros(scale.shape, np.int8))
    editor.insert_before(node, helper.make_node("DequantizeLinear", pair, [base], axis=axis))


def _quantize_operand(editor: OnnxEditor, matching: Matching, node) -> None:
    """A constant that is added or multiplied, dequantized in front of the node."""
    from onnx import helper

    graph, operator = matching.graph, matching.operator(node)
    if operator is None:
        return
    constants = [name for name in operator[1] if graph.constant(name) is not None]
    quantization = graph.quantization(constants[0]) if len(constants) == 1 else None
    for position, name in enumerate(node.input):
        if name not in editor.initializers or quantization is None:
            continue
        integers = _operand(editor.constant(name), graph.constant(constants[0]), quantization)
        if integers is None:
            continue
        base = f"{node.output[0]}/operand"
        editor.add_constant(f"{base}_int", (integers.astype(np.int16) + 128).astype(np.uint8))
        affine = editor.add_affine(base, quantization, np.uint8)
        node.input[position] = base
        pair = helper.make_node("DequantizeLinear", [f"{base}_int", *affine], [base])
        editor.insert_before(node, pair)


def _operand(floats: np.ndarray, stored: np.ndarray, quantization: Quantization):
    """The integers ``stored`` in the layout of their float form in the ONNX model.

    None where the two are not the same numbers: then the operand stays float.
    """
    if len(quantization.scale) > 1 or stored.squeeze().shape != floats.squeeze().shape:
        return None
    integers = stored.reshape(floats.shape)  # [c] of NHWC is [1, c, 1, 1] of NCHW
    found = (integers.astype(np.float32) - quantization.zero_point) * quantization.scale
    return integers if np.abs(found - floats).max() <= quantization.scale else None


def _kernel_layout(kind: str, integers: np.ndarray, rank: int, onnx_axis: int) -> np.ndarray:
    """A TFLite kernel in ONNX order: OHWI to OIHW, depthwise 1HWC to C1HW, OI to IO or OI."""
    if rank == 4:
        if kind == "DEPTHWISE_CONV_2D":
            return np.transpose(integers, (3, 0, 1, 2))
        return np.transpose(integers, (0, 3, 1, 2))
    return integers if onnx_axis == 0 else integers.T


def _alike(kernel: np.ndarray, floats: np.ndarray) -> bool:
    """True where one is the other after rounding, be it rounding that makes up for errors."""
    return bool(np.linalg.norm(kernel - floats) <= MAX_KERNEL_ERROR * np.linalg.norm(floats))


def _along(scale: np.ndarray, rank: int, axis: int) -> np.ndarray:
    if len(scale) == 1:
        return scale
    shape = [1] * rank
    shape[axis] = -1
    return scale.reshape(shape)
