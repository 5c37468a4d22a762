"""Values in the order of axes that an operator wants: Transposes only where numbers must move."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from export.onnx import axis_order
from export.onnx.axis_order import Order, Shape
from export.onnx.model_builder import INTEGERS, ModelBuilder
from export.onnx.value import Value

# ONNX Runtime since 1.17 makes a Pad of zeros the padding of the MaxPool after it, which is no
# zeros: wrong for negative numbers, and refused where it is as wide as the window. It looks at the
# bytes of the number, by which minus zero is another.
PADDED_ZERO = -0.0
A_RESHAPE = 0.01  # of what moving one number costs: it moves none


class Layouts:
    """Writes the changes of order, shape and padding that operators ask for."""

    def __init__(self, builder: ModelBuilder) -> None:
        self.builder = builder

    def orders(self, value: Value) -> tuple[Order, ...]:
        """The orders that it is there in, the preferred one first; none for a constant."""
        if value.source is not None and not value.forms:
            self._pad(value)
        preferred = axis_order.preferred(value.rank)
        return tuple(sorted(value.forms, key=lambda order: order != preferred))

    def form(self, value: Value, order: Order) -> str:
        """The real numbers of ``value`` in ``order``."""
        if order not in value.forms:
            if value.array is not None:
                value.forms[order] = self._constant(value, order)
            else:
                value.forms[order] = self._reordered(value, order)
        return value.forms[order]

    def common_order(self, values: Sequence[Value], rank: int) -> Order:
        """The order in which the fewest numbers of ``values``, all of ``rank``, have to move."""
        values = [value for value in values if value.array is None]
        known = dict.fromkeys(order for value in values for order in self.orders(value))
        preferred = axis_order.preferred(rank)
        if not known:
            return preferred

        def cost(order: Order) -> tuple[float, bool]:
            return sum(self._cost(value, order) for value in values), order != preferred

        return min(known, key=cost)

    def _cost(self, value: Value, order: Order) -> float:
        if order in value.forms:
            return 0
        wanted = axis_order.memory(value.shape, order)
        still = any(axis_order.memory(value.shape, there) == wanted for there in value.forms)
        return A_RESHAPE if still else value.size

    def reshaped(self, value: Value, shape: Shape, label: str) -> Value:
        """``value`` in another shape; ``label`` is what it is called after."""
        if shape == value.shape:
            return value
        if value.array is not None:
            return replace(value, shape=shape, forms={}, array=value.array.reshape(shape))
        value = value.origin or value  # a reshape of a reshape is one of what was there first
        if shape == value.shape:
            return value
        for order in self.orders(value):
            new = axis_order.reshaped(value.shape, order, shape)
            if new is not None:
                break
        else:
            order = axis_order.nearest_reshapable(value.shape, self.orders(value)[0], shape)
            new = axis_order.reshaped(value.shape, order, shape)
        stored = axis_order.stored_shape(shape, new)
        made = self._reshape(value, self.form(value, order), stored, label)
        forms = {new: made}
        return replace(value, name=label, shape=shape, forms=forms, source=None, origin=value)

    def transposed(self, value: Value, axes: tuple[int, ...], label: str) -> Value:
        """The tensor whose axis ``j`` was ``axes[j]``: the same numbers where they are."""
        shape = tuple(value.shape[axis] for axis in axes)
        if value.array is not None:
            return replace(value, shape=shape, forms={}, array=value.array.transpose(axes))
        forms = {
            axis_order.transposed(order, axes): value.forms[order] for order in self.orders(value)
        }
        return replace(value, name=label, shape=shape, forms=forms, source=None, origin=None)

    def _reordered(self, value: Value, order: Order) -> str:
        there = self.orders(value)
        if order in value.forms:  # a padding was written meanwhile
            return value.forms[order]
        wanted = axis_order.memory(value.shape, order)
        stored = axis_order.stored_shape(value.shape, order)
        label = f"{value.name}:{axis_order.name(order)}"
        for old in there:
            if axis_order.memory(value.shape, old) == wanted:
                if axis_order.stored_shape(value.shape, old) == stored:
                    return value.forms[old]
                return self._reshape(value, value.forms[old], stored, label)
        perm = axis_order.moves(there[0], order)
        return self._rounded(
            value, self.builder.node("Transpose", [value.forms[there[0]]], label, perm=perm)
        )

    def _reshape(self, value: Value, real: str, stored: Shape, label: str) -> str:
        made = self.builder.node("Reshape", [real, self.builder.setting(stored)], label)
        return self._rounded(value, made)

    def _rounded(self, value: Value, real: str) -> str:
        """``real``, made of a form of ``value`` without computing, as the integers that it is."""
        if value.quantization is None:
            return real
        return self.builder.pair(real, value.quantization, real)

    def _pad(self, value: Value) -> None:
        """Write the zeros around ``value``."""
        order = self.orders(value.source)[0]
        before, after = ([value.padding[axis][end] for axis in order] for end in (0, 1))
        inputs = [self.form(value.source, order), self.builder.setting([*before, *after])]
        made = self.builder.node("Pad", [*inputs, self.builder.number(PADDED_ZERO)], value.name)
        value.forms[order] = self._rounded(value, made)

    def _constant(self, value: Value, order: Order) -> str:
        """A constant, dequantized where it is of integers with one scale; else as it is."""
        array, found = value.array.transpose(order), value.quantization
        if found is None:
            return self.builder.constant(value.name, array)
        if array.dtype == np.int8 and found.scale.size == 1:
            levels = (array.astype(np.int16) + 128).astype(np.uint8)
            stored = self.builder.constant(f"{value.name}{INTEGERS}", levels)
            affine = self.builder.affine(found, np.uint8, value.name)
            return self.builder.dequantized(stored, affine, value.name)
        return self.builder.constant(value.name, dequantized(value).transpose(order))


def dequantized(value: Value) -> np.ndarray:
    """The real numbers of a constant that is stored as integers, float32 in its own order."""
    shape = [1] * value.rank
    if value.quantization.scale.size > 1:
        shape[value.quantization.axis] = -1
    scale, zero_point = (
        numbers.reshape(shape) if numbers.size > 1 else numbers.reshape(())
        for numbers in (value.quantization.scale, value.quantization.zero_point)
    )
    return (value.array.astype(np.float32) - zero_point.astype(np.float32)) * scale
