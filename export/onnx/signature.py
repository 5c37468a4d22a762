"""Inputs, outputs and operators of an ONNX model, in the words of the manifest."""

from collections import Counter

from quantize.graph.tensor_info import TensorInfo


def affine_map(model, name: str) -> tuple[float, int] | None:
    """Scale and zero point of an integer input or output; None for a float one."""
    from onnx import numpy_helper

    constants = {i.name: i for i in model.graph.initializer}
    for node in model.graph.node:
        into = node.op_type == "DequantizeLinear" and node.input[0] == name
        out = node.op_type == "QuantizeLinear" and node.output[0] == name
        if into or out:
            scale, zero_point = (numpy_helper.to_array(constants[i]) for i in node.input[1:3])
            return float(scale), int(zero_point)
    return None


def tensors(model) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """The model's inputs and outputs."""
    return (
        tuple(_info(model, value) for value in model.graph.input),
        tuple(_info(model, value) for value in model.graph.output),
    )


def op_histogram(model) -> dict[str, int]:
    """Counts of each operator, most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())


def _info(model, value) -> TensorInfo:
    import onnx

    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    shape = tuple(dimension.dim_value for dimension in kind.shape.dim)
    scale, zero_point = affine_map(model, value.name) or (None, None)
    return TensorInfo(value.name, shape, str(dtype), scale, zero_point)
