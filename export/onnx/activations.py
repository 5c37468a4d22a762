"""Activations, by themselves and fused into the operator ahead of them."""

import math
from collections.abc import Callable

from export.onnx.model_builder import ModelBuilder
from export.onnx.tflite_operator import Unsupported
from quantize.graph.graph import Quantization

Writer = Callable[[ModelBuilder, str], str]  # of a value that is computed of another
# The lowest and highest value of each activation that cuts values off.
LIMITS = {
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}


def fused(builder: ModelBuilder, real: str, activation: str, found: Quantization | None) -> str:
    """``real`` after the fused ``activation``; ``found``: the map of the integers that it becomes.

    No Clip is written that the range of the integers already is: it would stop the fusion.
    """
    if activation == "NONE":
        return real
    if activation not in LIMITS:
        raise Unsupported(f"the fused activation {activation}")
    limits = LIMITS[activation]
    return real if _is_implied(limits, found) else clipped(builder, real, *limits)


def _is_implied(limits: tuple[float, float], found: Quantization | None) -> bool:
    if found is None:
        return False
    scale, zero_point = float(found.scale[0]), int(found.zero_point[0])
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    return low >= limits[0] - scale / 2 and high <= limits[1] + scale / 2


def clipped(builder: ModelBuilder, x: str, low: float, high: float) -> str:
    """``x`` with values outside ``low`` to ``high`` moved there."""
    if (low, high) == LIMITS["RELU"]:
        return builder.node("Relu", [x])
    return builder.node("Clip", [x, builder.number(low), builder.number(high)])


def _hard_swish(builder: ModelBuilder, x: str) -> str:
    return builder.node("HardSwish", [x])


def gelu(builder: ModelBuilder, x: str, approximate: bool) -> str:
    """x / 2 * (1 + erf(x / sqrt(2))), or with tanh in place of erf where that was asked for.

    Hendrycks and Gimpel 2016, arXiv 1606.08415. ONNX has had an operator of its own since opset 20.
    """
    node, number = builder.node, builder.number
    if approximate:
        cube = node("Mul", [node("Mul", [x, x]), x])
        inner = node("Add", [x, node("Mul", [cube, number(0.044715)])])
        bent = node("Tanh", [node("Mul", [inner, number(math.sqrt(2 / math.pi))])])
    else:
        bent = node("Erf", [node("Mul", [x, number(math.sqrt(0.5))])])
    half = node("Mul", [x, number(0.5)])
    return node("Mul", [half, node("Add", [bent, number(1.0)])])


def _one(kind: str, **attributes) -> Writer:
    return lambda builder, x: builder.node(kind, [x], **attributes)


def _clip(activation: str) -> Writer:
    return lambda builder, x: clipped(builder, x, *LIMITS[activation])


FUNCTIONS: dict[str, Writer] = {
    **{activation: _clip(activation) for activation in LIMITS},
    "HARD_SWISH": _hard_swish,
    "TANH": _one("Tanh"),
    "LOGISTIC": _one("Sigmoid"),
    "ELU": _one("Elu", alpha=1.0),
    "ABS": _one("Abs"),
    "NEG": _one("Neg"),
    "EXP": _one("Exp"),
    "LOG": _one("Log"),
    "SIN": _one("Sin"),
    "COS": _one("Cos"),
    "SQRT": _one("Sqrt"),
    "RSQRT": lambda builder, x: builder.node("Reciprocal", [builder.node("Sqrt", [x])]),
    "SQUARE": lambda builder, x: builder.node("Mul", [x, x]),
    "FLOOR": _one("Floor"),
    "CEIL": _one("Ceil"),
    "ROUND": _one("Round"),
    "SIGN": _one("Sign"),
    "LOGICAL_NOT": _one("Not"),
    "ZEROS_LIKE": lambda builder, x: builder.node("Sub", [x, x]),
}
