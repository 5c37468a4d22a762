"""An ONNX model written from a TFLite graph, float or int8, operator by operator.

The input and the outputs are those of the graph, channels last; inside, images are channels first.
Integers and scales are the graph's: in an int8 graph every activation that is an integer becomes a
pair of QuantizeLinear and DequantizeLinear, which ONNX Runtime fuses into integer kernels. Nothing
is calibrated or rounded again.
"""

from dataclasses import replace

import numpy as np

from export.onnx import activations, axis_order
from export.onnx.axis_order import Order, Shape
from export.onnx.layouts import Layouts, dequantized
from export.onnx.model_builder import REAL, ModelBuilder, is_scalar
from export.onnx.tflite_operator import Operator, Unsupported, operators
from export.onnx.value import Value, same_map
from quantize.graph.graph import Graph, Quantization

INTEGER_DTYPE = np.dtype(np.int8)  # of activations


class GraphWriter:
    """The graph for the functions that write operators: values by the names of their tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = ModelBuilder(graph.outputs)
        self.layouts = Layouts(self.builder)
        self._values: dict[str, Value] = {}

    def model(self, functions: dict):
        """The ModelProto. ``functions``: what writes an operator of each kind.

        Raises Unsupported for an operator that they do not write.
        """
        known = list(operators(self.graph))
        unknown = sorted({operator.kind for operator in known} - set(functions))
        if unknown:
            raise Unsupported(", ".join(unknown))
        inputs = [self._input(name) for name in self.graph.inputs]
        for operator in known:
            self.builder.scope = operator.outputs[0]
            made = functions[operator.kind](operator, self)
            made = [made] if isinstance(made, Value) else made
            for name, value in zip(operator.outputs, made, strict=True):
                self._values[name] = self.settled(name, value, operator.activation)
        outputs = [self._output(name) for name in dict.fromkeys(self.graph.outputs)]
        return self.builder.model(inputs, outputs)

    # --- tensors of the graph ----------------------------------------------------------------

    def shape(self, name: str) -> Shape:
        shape = self.graph.tensor(name).shape
        return () if shape is None else tuple(int(n) for n in shape)  # None: of one number

    def dtype(self, name: str) -> np.dtype:
        """The element type of the real numbers: float32 where the tensor is of integers with a
        scale."""
        if self.graph.quantization(name) is not None:
            return np.dtype(np.float32)
        return self.graph.dtype(name)

    def value(self, name: str) -> Value:
        """The value of a tensor."""
        if name not in self._values:
            array = self.graph.constant(name)
            if array is None:
                raise Unsupported(f"{name!r}, which nothing computes,")
            quantization = self.graph.quantization(name)
            self._values[name] = Value(
                name, array.shape, array=array, quantization=quantization, settled=True
            )
        return self._values[name]

    def setting(self, operator: Operator, position: int) -> np.ndarray:
        """The constant input of ``operator`` at ``position``, as real numbers.

        Raises Unsupported where it is computed.
        """
        value = self.value(operator.inputs[position])
        if value.array is None:
            raise Unsupported(f"{operator.kind} with a setting that is computed")
        return value.array if value.quantization is None else dequantized(value)

    # --- what operators are made of ----------------------------------------------------------

    def node(self, kind: str, inputs: list[str], **attributes) -> str:
        return self.builder.node(kind, inputs, **attributes)

    def form(self, value: Value, order: Order) -> str:
        return self.layouts.form(value, order)

    def any_form(self, value: Value) -> tuple[str, Order]:
        """The real numbers in the order that costs least."""
        order = self.layouts.common_order([value], value.rank)
        return self.form(value, order), order

    def reshaped(self, value: Value, shape: Shape, label: str | None = None) -> Value:
        return self.layouts.reshaped(value, shape, label or f"{value.name}:reshape")

    def operands(self, names, rank: int) -> tuple[list[str], Order]:
        """The tensors ``names`` as inputs of an operator that broadcasts to ``rank`` axes, in the
        order that costs least."""
        values = [self._lifted(self.value(name), rank) for name in names]
        whole = [value for value in values if value.rank == rank]
        order = self.layouts.common_order(whole, rank)
        return [self.form(value, order if value.rank == rank else ()) for value in values], order

    def _lifted(self, value: Value, rank: int) -> Value:
        """With axes of 1 ahead, up to ``rank``; a constant of one number with none at all."""
        if value.array is not None and is_scalar(value.shape):
            return self.reshaped(value, ())
        return self.reshaped(value, (1,) * (rank - value.rank) + value.shape)

    def result(self, operator: Operator, real: str, order: Order, output: int = 0) -> Value:
        """The value ``real``, in ``order``, as an output of ``operator``."""
        name = operator.outputs[output]
        return Value(name, self.shape(name), {order: real})

    def settled(self, name: str, value: Value, activation: str = "NONE") -> Value:
        """``value`` as the tensor ``name`` has it: after the fused activation, and rounded where
        the tensor is of integers."""
        found = self.graph.quantization(name)
        if value.settled and (found is None or same_map(value.quantization, found)):
            return value
        if found is not None and self.graph.dtype(name) != INTEGER_DTYPE:
            raise Unsupported(f"{self.graph.dtype(name)} activations")
        real, order = self.any_form(value)
        real = activations.fused(self.builder, real, activation, found)
        is_whole = value.shape == self.shape(name)  # else a Reshape will make it so
        if is_whole:
            is_output = name in self.graph.outputs
            real = self.builder.call(real, f"{name}:float" if is_output else name)
        made = Value(value.name, value.shape, {order: real}, settled=True)
        if found is None:
            return made
        if is_whole and is_output:
            return self._stored_output(name, made, found)
        made.forms = {order: self.builder.pair(real, found, name if is_whole else real)}
        return replace(made, quantization=found)

    def _stored_output(self, name: str, value: Value, found: Quantization) -> Value:
        """The output ``name`` of the model, of integers, and what others read of it."""
        order = axis_order.as_is(value.rank)
        affine = self.builder.affine(found, self.graph.dtype(name), name)
        made = self.builder.node(
            "QuantizeLinear", [self.form(value, order), *affine], f"{name}:int"
        )
        self.builder.rename(made, name)
        read = self.builder.dequantized(name, affine, f"{name}{REAL}")
        return replace(value, forms={order: read}, quantization=found)

    # --- ends of the model -------------------------------------------------------------------

    def _input(self, name: str):
        """An input of the model, as ONNX describes it."""
        self.builder.take(name)
        shape, found, real = self.shape(name), self.graph.quantization(name), name
        if found is not None:
            affine = self.builder.affine(found, self.graph.dtype(name), f"{name}:input")
            real = self.builder.node("DequantizeLinear", [name, *affine], f"{name}:float")
            real = self.builder.pair(real, found, name)
        self._values[name] = Value(
            name, shape, {axis_order.as_is(len(shape)): real}, quantization=found, settled=True
        )
        return self._described(name)

    def _output(self, name: str):
        """An output of the model, as ONNX describes it."""
        value = self.value(name)
        found = self.graph.quantization(name)
        if self.builder.makes(name) or name in self.graph.inputs:
            return self._described(name)
        if found is not None:
            self._stored_output(name, value, found)
        else:
            real = self.form(value, axis_order.as_is(value.rank))
            if real in self.builder.constants or not self.builder.makes(real):
                real = self.builder.node("Identity", [real], f"{name}:identity")
            self._rename(real, name)
        return self._described(name)

    def _rename(self, real: str, name: str) -> None:
        self.builder.rename(real, name)
        for value in self._values.values():  # another output may be the same numbers
            value.forms = {o: name if r == real else r for o, r in value.forms.items()}

    def _described(self, name: str):
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(self.graph.dtype(name))
        return helper.make_tensor_value_info(name, kind, self.shape(name))
