"""The int8 ONNX file: the float ONNX graph with the int8 TFLite graph's integers and scales put in.

QDQ form (QuantizeLinear / DequantizeLinear pairs), which ONNX Runtime fuses into integer kernels.
Nothing is calibrated or rounded again here, so both files carry the same numbers.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from export import onnx_float_kernels
from models.errors import CheckFailed
from quantize.graph import Graph, Quantization

ACTIVATIONS = ("Relu", "Clip")
SAME_VALUES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
ELEMENTWISE = ("Add", "Mul")
# What TFLite has as one operator and ONNX as two: the first of them has the operator's name, and
# the second its value.
SECOND_NODE = {"RSQRT": "Reciprocal", "SQUARED_DIFFERENCE": "Mul"}
MAX_KERNEL_ERROR = 0.3  # of the kernel's norm; int8 rounding alone stays near 0.01
KERNEL_AXIS = {"Conv": 0, "Gemm": 1, "MatMul": 1}  # output channels in the ONNX layout


def quantize(float_model, graph: Graph):
    """``float_model`` with the integers and scales of ``graph``, its int8 TFLite form.

    Input and output are int8, as in ``graph``. Raises CheckFailed where a kernel of the two models
    is not the same one, which would mean that the tensors were matched wrongly.
    """
    return _Rewriter(float_model, graph).run()


@dataclass(frozen=True)
class _Fused:
    """A value of the float model and the affine map that it gets.

    ``exact_for``: outputs of the TFLite operators that read it as the float it was before.
    """

    value: str
    quantization: Quantization
    exact_for: frozenset[str] = frozenset()


class _Rewriter:
    """One rewriting of one model; holds the lookups that every step needs."""

    def __init__(self, float_model, graph: Graph) -> None:
        import onnx

        self.model = onnx.ModelProto()
        self.model.CopyFrom(float_model)
        self.graph = graph
        self.nodes = list(self.model.graph.node)
        self.initializers = {i.name: i for i in self.model.graph.initializer}
        self.operator_of = {
            outputs[0]: (kind, inputs) for kind, inputs, outputs in graph.operators()
        }
        self._index()

    def _index(self) -> None:
        self.producer = {name: node for node in self.nodes for name in node.output}
        self.consumers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.consumers[name].append(node)

    def run(self):
        tensors = self._locate()
        for node in list(self.nodes):
            if node.op_type in KERNEL_AXIS:
                self._quantize_kernel(node)
            elif node.op_type in ELEMENTWISE:
                self._quantize_operand(node)
        located = {name: self._drop_implied_activation(f) for name, f in tensors.items()}
        exact_for = {f.value: f.exact_for for f in located.values()}
        values = self._through_layout({f.value: f.quantization for f in located.values()})
        self._insert_pairs(values, exact_for)
        del self.model.graph.node[:]
        self.model.graph.node.extend(self.nodes)
        onnx_float_kernels.keep_float(self.model)
        self._forget_unused()
        return self.model

    def _locate(self) -> dict[str, _Fused]:
        """Where each integer activation of the graph is in the float model."""
        gemm = {re.sub(r"_Gemm__\d+:0$", "", v): v for v in self.producer if "_Gemm__" in v}
        known = {*self.producer, *(i.name for i in self.model.graph.input)}
        floats, found = self._quantized_floats(), {}
        for name in self.graph.activations:
            quantization = self.graph.quantization(name)
            source = name if name in known or name not in floats else floats[name]
            value = source if source in known else gemm.get(source)
            if quantization is None or value is None:
                continue
            value = self._after_activation(self._second(value))
            exact_for = self._readers(source) - {name} if source != name else frozenset()
            found[name] = _Fused(value, quantization, exact_for)
        return found

    def _quantized_floats(self) -> dict[str, str]:
        """The float tensor behind each that a QUANTIZE of the graph makes of one."""
        return {
            outputs[0]: inputs[0]
            for kind, inputs, outputs in self.graph.operators()
            if kind == "QUANTIZE" and self.graph.quantization(inputs[0]) is None
        }

    def _readers(self, name: str) -> frozenset[str]:
        """Outputs of the graph's operators that read the tensor ``name``."""
        return frozenset(o for o, (_, inputs) in self.operator_of.items() if name in inputs)

    def _second(self, value: str) -> str:
        kind, _ = self.operator_of.get(value, (None, None))
        followers = {id(node): node for node in self.consumers[value]}.values()
        if kind in SECOND_NODE and [n.op_type for n in followers] == [SECOND_NODE[kind]]:
            return next(iter(followers)).output[0]
        return value

    def _after_activation(self, value: str) -> str:
        """TFLite fuses a ReLU into the op ahead; in ONNX it is behind the value of that name."""
        followers = self.consumers[value]
        if len(followers) == 1 and followers[0].op_type in ACTIVATIONS:
            output = followers[0].output[0]
            if output not in self.graph._by_name:
                return output
        return value

    def _drop_implied_activation(self, fused: _Fused) -> _Fused:
        """Without the Clip that the integer range already is: it would stop the fusion."""
        node = self.producer.get(fused.value)
        if node is None or node.op_type not in ACTIVATIONS or fused.exact_for:
            return fused
        low, high = self._clip_bounds(node)
        scale = float(fused.quantization.scale[0])
        zero_point = int(fused.quantization.zero_point[0])
        slack = scale / 2
        if (-128 - zero_point) * scale < low - slack or (127 - zero_point) * scale > high + slack:
            return fused
        source = node.input[0]
        self.nodes.remove(node)
        self._rewire(node.output[0], source)
        self._index()
        return _Fused(source, fused.quantization)

    def _clip_bounds(self, node) -> tuple[float, float]:
        from onnx import numpy_helper

        if node.op_type == "Relu":
            return 0.0, np.inf
        bounds = [-np.inf, np.inf]
        for i, name in enumerate(node.input[1:3]):
            if name in self.initializers:
                bounds[i] = float(numpy_helper.to_array(self.initializers[name]))
        return bounds[0], bounds[1]

    def _rewire(self, old: str, new: str, but_for: frozenset[str] = frozenset()) -> None:
        for node in self.consumers[old]:
            if but_for & self._operators_at(node):
                continue
            for i, name in enumerate(node.input):
                if name == old:
                    node.input[i] = new

    def _operators_at(self, node) -> set[str]:
        """Outputs of the graph's operators that ``node``, or what it hands its values to, is."""
        output = re.sub(r"_Gemm__\d+:0$", "", node.output[0])
        if output in self.operator_of or node.op_type not in (*SAME_VALUES, *ACTIVATIONS):
            return {output}
        return {o for n in self.consumers[node.output[0]] for o in self._operators_at(n)}

    def _quantize_kernel(self, node) -> None:
        """The integers of ``node``'s kernel and bias, dequantized in front of it."""
        name = re.sub(r"_Gemm__\d+:0$", "", node.output[0])
        if name not in self.operator_of or node.input[1] not in self.initializers:
            return
        kind, inputs = self.operator_of[name]
        kernel = self.graph.quantization(inputs[1])
        if kernel is None:
            return
        from onnx import numpy_helper

        floats = numpy_helper.to_array(self.initializers[node.input[1]])
        axis = KERNEL_AXIS[node.op_type]
        if node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
            axis = 0
        integers = _kernel_layout(kind, self.graph.constant(inputs[1]), floats.ndim, axis)
        scales = _along(kernel.scale, floats.ndim, axis)
        if integers.shape != floats.shape or not _alike(integers * scales, floats):
            raise CheckFailed(f"int8 ONNX: the kernel of {name} is not that of the TFLite file")
        self._constant_pair(node, 1, integers, kernel.scale, axis)
        if len(node.input) > 2 and node.input[2] and len(inputs) > 2:
            bias = self.graph.constant(inputs[2])
            scale = self.graph.quantization(inputs[2]).scale
            self._constant_pair(node, 2, bias, scale, 0)

    def _quantize_operand(self, node) -> None:
        """A constant that is added or multiplied, dequantized in front of the node."""
        from onnx import helper

        if node.output[0] not in self.operator_of:
            return
        _, inputs = self.operator_of[node.output[0]]
        for position, name in enumerate(node.input):
            constants = [i for i in inputs if self.graph.constant(i) is not None]
            if name not in self.initializers or len(constants) != 1:
                continue
            quantization = self.graph.quantization(constants[0])
            if quantization is None:
                continue
            integers = self._operand(name, constants[0], quantization)
            if integers is None:
                continue
            base = f"{node.output[0]}/operand"
            self._add_constant(f"{base}_int", (integers.astype(np.int16) + 128).astype(np.uint8))
            affine = self._affine(base, quantization, np.uint8)
            node.input[position] = base
            pair = helper.make_node("DequantizeLinear", [f"{base}_int", *affine], [base])
            self.nodes.insert(self.nodes.index(node), pair)

    def _operand(self, initializer: str, constant: str, quantization: Quantization):
        """The integers of ``constant`` in the layout of its float form in the ONNX model.

        None where the two are not the same numbers: then the operand stays float.
        """
        from onnx import numpy_helper

        floats = numpy_helper.to_array(self.initializers[initializer])
        stored = self.graph.constant(constant)
        if len(quantization.scale) > 1 or stored.squeeze().shape != floats.squeeze().shape:
            return None
        integers = stored.reshape(floats.shape)  # [c] of NHWC is [1, c, 1, 1] of NCHW
        found = (integers.astype(np.float32) - quantization.zero_point) * quantization.scale
        return integers if np.abs(found - floats).max() <= quantization.scale else None

    def _constant_pair(self, node, position: int, integers, scale, axis: int) -> None:
        """Replace input ``position`` of ``node`` by integers and their DequantizeLinear."""
        from onnx import helper

        base = f"{node.output[0]}/{'kernel' if position == 1 else 'bias'}"
        scale = np.asarray(scale, np.float32)
        if len(scale) == 1:
            scale = scale.reshape(())
        self._add_constant(f"{base}_int", integers)
        self._add_constant(f"{base}_scale", scale)
        pair = helper.make_node(
            "DequantizeLinear", [f"{base}_int", f"{base}_scale"], [base], axis=axis
        )
        node.input[position] = base
        self.nodes.insert(self.nodes.index(node), pair)

    def _add_constant(self, name: str, values: np.ndarray) -> None:
        from onnx import numpy_helper

        if name in self.initializers:
            return
        made = numpy_helper.from_array(np.asarray(values, order="C"), name)
        self.model.graph.initializer.append(made)
        self.initializers[name] = made

    def _through_layout(self, values: dict[str, Quantization]) -> dict[str, Quantization]:
        """Ops that only move values hand their input's affine map on."""
        values = dict(values)
        for node in self.nodes:
            if node.op_type in SAME_VALUES and node.input[0] in values:
                values.setdefault(node.output[0], values[node.input[0]])
        return values

    def _insert_pairs(
        self, values: dict[str, Quantization], exact_for: dict[str, frozenset[str]]
    ) -> None:
        """A QuantizeLinear / DequantizeLinear pair on every value that is an integer in TFLite.

        Inside they are uint8 (same scale, zero point 128 higher): ONNX Runtime turns int8
        activations into uint8 itself where the processor wants it, and loses fusions on the way.
        """
        from onnx import TensorProto, helper

        inputs = {i.name: i for i in self.model.graph.input}
        outputs = {o.name: o for o in self.model.graph.output}
        self._index()
        for value, quantization in values.items():
            at = self.nodes.index(self.producer[value]) + 1 if value in self.producer else 0
            if value in outputs:
                node = self.producer[value]
                node.output[list(node.output).index(value)] = f"{value}/float"
                signed = self._affine(value, quantization, np.int8)
                new = [helper.make_node("QuantizeLinear", [f"{value}/float", *signed], [value])]
                outputs[value].type.tensor_type.elem_type = TensorProto.INT8
                stored, affine = value, signed
            else:
                new, real = [], value
                if value in inputs:
                    signed = self._affine(value, quantization, np.int8)
                    real = f"{value}/float"
                    new = [helper.make_node("DequantizeLinear", [value, *signed], [real])]
                    inputs[value].type.tensor_type.elem_type = TensorProto.INT8
                stored, affine = f"{value}/uint8", self._affine(value, quantization, np.uint8)
                new.append(helper.make_node("QuantizeLinear", [real, *affine], [stored]))
            if self.consumers[value]:
                read = f"{value}/real"
                new.append(helper.make_node("DequantizeLinear", [stored, *affine], [read]))
                self._rewire(value, read, exact_for.get(value, frozenset()))
            self.nodes[at:at] = new
        del self.model.graph.value_info[:]

    def _affine(self, value: str, quantization: Quantization, dtype) -> tuple[str, str]:
        """Names of a scale and a zero point; for uint8 the same levels counted from 0."""
        scale, zero_point = f"{value}/scale", f"{value}/zero_point_{np.dtype(dtype)}"
        levels_up = 128 if dtype == np.uint8 else 0
        self._add_constant(scale, quantization.scale.reshape(()))
        level = (quantization.zero_point + levels_up).astype(dtype)
        self._add_constant(zero_point, level.reshape(()))
        return scale, zero_point

    def _forget_unused(self) -> None:
        used = {name for node in self.model.graph.node for name in node.input}
        kept = [i for i in self.model.graph.initializer if i.name in used]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)


def _kernel_layout(kind: str, integers: np.ndarray, rank: int, onnx_axis: int) -> np.ndarray:
    """A TFLite kernel in ONNX order: OHWI to OIHW, depthwise 1HWC to C1HW, OI to IO or OI."""
    if rank == 4:
        if kind == "DEPTHWISE_CONV_2D":
            return np.transpose(integers, (3, 0, 1, 2))
        return np.transpose(integers, (0, 3, 1, 2))
    return integers if onnx_axis == 0 else integers.T


def _alike(kernel: np.ndarray, floats: np.ndarray) -> bool:
    """Whether one is the other after rounding, be it rounding that makes up for errors."""
    return bool(np.linalg.norm(kernel - floats) <= MAX_KERNEL_ERROR * np.linalg.norm(floats))


def _along(scale: np.ndarray, rank: int, axis: int) -> np.ndarray:
    if len(scale) == 1:
        return scale
    shape = [1] * rank
    shape[axis] = -1
    return scale.reshape(shape)
