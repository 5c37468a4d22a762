"""The meaning of a model's outputs, told by the operators that they come from.

From each output backwards to the layers with weights: what lies between bounds the values, and
tells whether they add up to 1. So the mean of two softmaxes is a softmax.
"""

import math
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from models.networks.output_tensor import LOGITS, SIGMOID, SOFTMAX, UNACTIVATED, VALUES

CLOSE = 1e-4
# How the operators that may end a model treat their input: all that is not here is not known.
LAYERS = (
    "Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D", "MatMul", "BatchMatMulV2",
    "Einsum", "LogSoftmax", "Log",
)  # fmt: skip
PASSING = (
    "Identity", "StopGradient", "PreventGradient", "Snapshot", "EnsureShape", "Cast", "Reshape",
    "Squeeze", "ExpandDims", "Transpose",
)  # fmt: skip
PARTS = ("StridedSlice", "Slice", "GatherV2", "Split", "SplitV", "Unpack", "MaxPool", "Max", "Min")
MEANS = ("Mean", "AvgPool")
ACTIVATIONS = {
    "Sigmoid": (0.0, 1.0), "Relu": (0.0, math.inf), "Relu6": (0.0, 6.0), "Tanh": (-1.0, 1.0),
    "Softplus": (0.0, math.inf), "Softsign": (-1.0, 1.0), "Elu": (-1.0, math.inf),
    "Selu": (-2.0, math.inf), "LeakyRelu": (-math.inf, math.inf), "Erf": (-1.0, 1.0),
}  # fmt: skip
FUNCTIONS = dict.fromkeys(("Exp", "Square", "Abs", "Sqrt", "Rsqrt"), (0.0, math.inf))
JOINS = ("ConcatV2", "Pack")


@dataclass(frozen=True)
class Meaning:
    """``kind`` of an output; ``reason`` ends a sentence that begins with "since". ``is_sure`` is
    False where only the values can tell, ``is_none_or_sum`` True where they can only tell that they
    add up to 1."""

    kind: str
    reason: str
    is_sure: bool = True
    is_none_or_sum: bool = False


def meaning(tensor) -> Meaning:
    """The meaning of an output of a frozen function of one image."""
    found, last = Spans().of(tensor), _last_operator(tensor)
    shape = [int(n) for n in tensor.shape[1:]]
    size, is_row = math.prod(shape), math.prod(shape) == max(shape, default=1)
    ends = f"the model ends in {last}"
    if found.low >= -CLOSE and found.high <= 1 + CLOSE:
        rows = 1 if is_row else size / shape[-1]
        if found.total is not None and abs(found.total - rows) <= CLOSE * rows:
            return Meaning(SOFTMAX, ends if last == "Softmax" else f"{ends} of softmaxes")
        return Meaning(SIGMOID, ends, is_sure=not is_row or size == 1 or last == "Sigmoid")
    if found.is_linear and is_row:
        return Meaning(LOGITS, ends if "Log" in last else UNACTIVATED)
    if found.is_known and found.low >= -CLOSE and is_row:  # e.g. softmaxes weighted by a softmax
        return Meaning(VALUES, ends, is_sure=False, is_none_or_sum=True)
    return Meaning(VALUES, ends, is_sure=found.is_known or not is_row)


def settled(unsure: Meaning, rows: np.ndarray) -> Meaning:
    """The meaning by the values themselves: ``rows`` [n, k] of n images."""
    about = f"its values on {len(rows)} images are"
    is_share = np.isfinite(rows).all() and rows.min() >= -CLOSE and rows.max() <= 1 + CLOSE
    if is_share and rows.shape[1] > 1 and np.abs(rows.sum(axis=1) - 1).max() <= 10 * CLOSE:
        return Meaning(SOFTMAX, f"{about} in 0 to 1 and add up to 1")
    if unsure.is_none_or_sum:
        return replace(unsure, is_sure=True)
    if not is_share:
        return Meaning(VALUES, f"{about} not all in 0 to 1")
    if unsure.kind == SIGMOID:
        return replace(unsure, is_sure=True)
    return Meaning(SIGMOID, f"{about} in 0 to 1")


@dataclass(frozen=True)
class Span:
    """Values from ``low`` to ``high``. ``total``: the sum of all values of the tensor where that is
    always the same. ``is_linear``: a layer with weights made them, and no activation since.
    ``is_known`` is False after an operator that is not in the tables here."""

    low: float = -math.inf
    high: float = math.inf
    total: float | None = None
    is_linear: bool = False
    is_constant: bool = False
    is_known: bool = True

    @property
    def number(self) -> float | None:
        """The one value of a constant; None for any other."""
        return self.low if self.is_constant and self.low == self.high else None


UNKNOWN = Span(is_known=False)


class Spans:
    """The bounds that the operators between the last layers with weights and a tensor set."""

    def __init__(self) -> None:
        self._found: dict[str, Span] = {}

    def of(self, tensor) -> Span:
        if tensor.name not in self._found:
            self._found[tensor.name] = self._span(tensor)
        return self._found[tensor.name]

    def _span(self, tensor) -> Span:
        kind, inputs = tensor.op.type, list(tensor.op.inputs)
        if kind == "Const":
            return _constant(tensor)
        if kind in LAYERS:
            return Span(is_linear=True)
        if kind == "Softmax":
            return Span(0.0, 1.0, _rows(tensor))
        if kind in ACTIVATIONS:
            return Span(*ACTIVATIONS[kind])
        if kind in PASSING:
            return self.of(inputs[0])
        if kind in JOINS:
            return _joined([self.of(part) for part in inputs[: len(inputs) - (kind == "ConcatV2")]])
        if kind == "Split":  # its axis comes first
            inputs = inputs[1:]
        if kind in PARTS:
            return replace(self.of(inputs[0]), total=None)
        return self._arithmetic(kind, tensor, [self.of(each) for each in inputs])

    def _arithmetic(self, kind: str, tensor, spans: list[Span]) -> Span:
        first = spans[0] if spans else UNKNOWN
        if kind in FUNCTIONS:
            return Span(*FUNCTIONS[kind], is_constant=first.is_constant)
        if kind in MEANS:
            return _mean(first, tensor)
        if kind == "Sum":
            count = _ratio(tensor.op.inputs[0], tensor)
            known = count is not None
            return (
                replace(first, low=first.low * count, high=first.high * count) if known else UNKNOWN
            )
        if kind == "FusedBatchNormV3":
            return Span(is_linear=first.is_linear)
        if kind == "Neg":
            return replace(first, low=-first.high, high=-first.low, total=None)
        if kind in ("Minimum", "Maximum"):
            return _limited(kind, *spans)
        if kind == "ClipByValue":
            return _limited("Maximum", _limited("Minimum", first, spans[2]), spans[1])
        if kind in ("Add", "AddV2", "BiasAdd"):
            return _sum(tensor, *spans)
        if kind == "AddN":
            return reduce(lambda a, b: _sum(tensor, a, b), spans)
        if kind == "Sub":
            return _sum(tensor, *spans, sign=-1)
        if kind == "Mul":
            return _product(*spans)
        if kind in ("RealDiv", "Div"):
            return _quotient(*spans)
        return UNKNOWN


def _constant(tensor) -> Span:
    from tensorflow.python.framework import tensor_util

    values = tensor_util.constant_value(tensor)
    if values is None or not values.size or values.dtype.kind not in "fiu":
        return UNKNOWN
    return Span(float(values.min()), float(values.max()), is_constant=True)


def _last_operator(tensor) -> str:
    while tensor.op.type in PASSING:
        tensor = tensor.op.inputs[0]
    return tensor.op.type


def _sizes(tensor) -> list[int] | None:
    """The shape, its batch 1; None where more of it is open."""
    if tensor.shape.rank is None:
        return None
    found = [1, *tensor.shape.as_list()[1:]] if tensor.shape.rank else []
    return None if None in found else found


def _rows(tensor) -> float | None:
    """The number of rows that each add up to 1 after a softmax over the last axis."""
    sizes = _sizes(tensor)
    return None if sizes is None else float(math.prod(sizes[:-1]))


def _ratio(before, after) -> float | None:
    one, other = _sizes(before), _sizes(after)
    return None if one is None or other is None else math.prod(one) / math.prod(other)


def _mean(found: Span, tensor) -> Span:
    """Pooling leaves out places or counts them twice, so that totals are kept by Mean alone."""
    count = _ratio(tensor.op.inputs[0], tensor) if tensor.op.type == "Mean" else None
    known = found.total is not None and count is not None
    return replace(found, total=found.total / count if known else None)


def _limited(kind: str, a: Span, b: Span) -> Span:
    choose = min if kind == "Minimum" else max
    known, constant = a.is_known and b.is_known, a.is_constant and b.is_constant
    low, high = choose(a.low, b.low), choose(a.high, b.high)
    return Span(low, high, is_constant=constant, is_known=known)


def _sum(tensor, a: Span, b: Span, sign: int = 1) -> Span:
    low, high = (b.low, b.high) if sign > 0 else (-b.high, -b.low)
    alike = all(_sizes(part) == _sizes(tensor) for part in tensor.op.inputs)
    totals = alike and a.total is not None and b.total is not None
    return Span(
        a.low + low,
        a.high + high,
        a.total + sign * b.total if totals else None,
        # Logits stay logits with a constant or other logits added.
        is_linear=(a.is_linear or a.is_constant) and (b.is_linear or b.is_constant),
        is_constant=a.is_constant and b.is_constant,
        is_known=a.is_known and b.is_known,
    )


def _product(a: Span, b: Span) -> Span:
    ends = [_times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    factor, other = (a, b) if a.is_constant else (b, a)
    scaled = factor.number is not None and other.total is not None
    return Span(
        min(ends),
        max(ends),
        factor.number * other.total if scaled else None,
        is_linear=factor.is_constant and other.is_linear,
        is_constant=a.is_constant and b.is_constant,
        is_known=a.is_known and b.is_known,
    )


def _times(x: float, y: float) -> float:
    return 0.0 if 0.0 in (x, y) else x * y


def _quotient(a: Span, b: Span) -> Span:
    if b.number:
        return _product(a, replace(b, low=1 / b.number, high=1 / b.number))
    if b.is_constant:
        return Span(is_linear=a.is_linear, is_constant=a.is_constant)
    # What is divided by its own sum, as exponents in a softmax by hand, has to be looked at.
    return UNKNOWN if a.low >= 0 else Span()


def _joined(parts: list[Span]) -> Span:
    totals = [part.total for part in parts]
    return Span(
        min(part.low for part in parts),
        max(part.high for part in parts),
        None if None in totals else sum(totals),
        is_linear=all(part.is_linear for part in parts),
        is_constant=all(part.is_constant for part in parts),
        is_known=all(part.is_known for part in parts),
    )
