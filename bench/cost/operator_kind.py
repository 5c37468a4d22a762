"""The kind of layer that an operator is, and the operators that LiteRT's XNNPACK runs in int8."""

from bench.cost import layer_cost

KIND_OF = {
    "DEPTHWISE_CONV_2D": layer_cost.DEPTHWISE,
    "FULLY_CONNECTED": layer_cost.DENSE,
    **dict.fromkeys(
        (
            *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW"),
            *("ABS", "NEG", "EXP", "SQUARE", "SQRT", "RSQRT"),
        ),
        layer_cost.ELEMENTWISE,
    ),
    **dict.fromkeys(
        (
            *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "PRELU", "LEAKY_RELU", "ELU"),
            *("HARD_SWISH", "LOGISTIC", "TANH", "GELU", "SOFTMAX", "LOG_SOFTMAX"),
        ),
        layer_cost.ACTIVATION,
    ),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_MAX", "AVERAGE_POOL_2D", "MAX_POOL_2D"), layer_cost.POOLING
    ),
    **dict.fromkeys(
        (
            *("PAD", "PADV2", "MIRROR_PAD", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"),
            *("CONCATENATION", "SPLIT", "SPLIT_V", "SLICE", "STRIDED_SLICE", "GATHER", "PACK"),
            *("UNPACK", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "RESIZE_BILINEAR", "TILE", "CAST"),
            *("RESIZE_NEAREST_NEIGHBOR", "BROADCAST_TO", "SHAPE", "QUANTIZE", "DEQUANTIZE"),
        ),
        layer_cost.DATA_MOVEMENT,
    ),
}
# Held against LiteRT's delegate by tests/test_layer_costs.py.
INT8_KERNELS = frozenset(
    {
        *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL"),
        *("LEAKY_RELU", "ELU", "LOGISTIC", "TANH", "MEAN", "SUM", "REDUCE_MAX", "MAX_POOL_2D"),
        *("PAD", "RESHAPE", "CONCATENATION", "SPLIT", "SLICE", "STRIDED_SLICE", "TRANSPOSE"),
        *("RESIZE_BILINEAR", "DEPTH_TO_SPACE"),
    }
)


def of(operator: str, inputs: list[tuple[int, ...]]) -> str:
    """The kind of ``operator``, given the shapes of its inputs; an unknown one moves data.

    A 1x1 convolution of a map of one position is a dense layer, as the papers count it.
    """
    if operator != "CONV_2D":
        return KIND_OF.get(operator, layer_cost.DATA_MOVEMENT)
    image, kernel = inputs[:2]
    if kernel[3] < image[3]:
        return layer_cost.GROUPED
    if kernel[1:3] != (1, 1):
        return layer_cost.CONVOLUTION
    return layer_cost.DENSE if image[1:3] == (1, 1) else layer_cost.POINTWISE


def is_known(operator: str) -> bool:
    """True where its MACs, or that it has none, are known here."""
    return operator in KIND_OF or operator == "CONV_2D"


def has_int8_kernel(operator: str) -> bool:
    """True where LiteRT's CPU delegate, XNNPACK, runs a TFLite operator in int8."""
    return operator in INT8_KERNELS
