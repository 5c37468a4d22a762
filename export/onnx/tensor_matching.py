"""The places of an int8 TFLite graph's tensors in the float ONNX model of the same network."""

import re
from dataclasses import dataclass

from export.onnx.model_editor import OnnxEditor
from quantize.graph.graph import Graph, Quantization

ACTIVATIONS = ("Relu", "Clip")
SAME_VALUES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
# What TFLite has as one operator and ONNX as two: the first of them has the operator's name, and
# the second its value.
SECOND_NODE = {"RSQRT": "Reciprocal", "SQUARED_DIFFERENCE": "Mul"}
GEMM = re.compile(r"_Gemm__\d+:0$")  # what tf2onnx puts after the name of a fully connected layer


@dataclass(frozen=True)
class Match:
    """A value of the float model and the affine map that it gets.

    ``exact_for``: outputs of the TFLite operators that read it as the float it was before.
    """

    value: str
    quantization: Quantization
    exact_for: frozenset[str] = frozenset()


class Matching:
    """The value, node and operator of the two that are the same."""

    def __init__(self, editor: OnnxEditor, graph: Graph) -> None:
        self.editor, self.graph = editor, graph
        self.operator_of = {
            outputs[0]: (kind, inputs) for kind, inputs, outputs in graph.operators()
        }

    def activations(self) -> list[Match]:
        """Each integer activation of the graph that is in the model."""
        gemm = {GEMM.sub("", v): v for v in self.editor.producer if GEMM.search(v)}
        known = {*self.editor.producer, *self.editor.inputs}
        floats, found = self._quantized_floats(), []
        for name in self.graph.activations:
            quantization = self.graph.quantization(name)
            source = name if name in known or name not in floats else floats[name]
            value = source if source in known else gemm.get(source)
            if quantization is None or value is None:
                continue
            value = self._after_activation(self._second(value))
            exact_for = self._readers(source) - {name} if source != name else frozenset()
            found.append(Match(value, quantization, exact_for))
        return found

    def operator(self, node) -> tuple[str, list[str]] | None:
        """Kind and inputs of the operator that ``node`` is; None if it is none of its own."""
        return self.operator_of.get(GEMM.sub("", node.output[0]))

    def operators_at(self, node) -> set[str]:
        """Outputs of the operators that ``node``, or what it hands its values to, is."""
        output = GEMM.sub("", node.output[0])
        if output in self.operator_of or node.op_type not in (*SAME_VALUES, *ACTIVATIONS):
            return {output}
        readers = self.editor.consumers[node.output[0]]
        return {o for reader in readers for o in self.operators_at(reader)}

    def _quantized_floats(self) -> dict[str, str]:
        """The float tensor of each that a QUANTIZE of the graph makes of one."""
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
        followers = {id(node): node for node in self.editor.consumers[value]}.values()
        if kind in SECOND_NODE and [n.op_type for n in followers] == [SECOND_NODE[kind]]:
            return next(iter(followers)).output[0]
        return value

    def _after_activation(self, value: str) -> str:
        """TFLite fuses a ReLU into the op before it; in ONNX it follows the value of that name."""
        followers = self.editor.consumers[value]
        if len(followers) == 1 and followers[0].op_type in ACTIVATIONS:
            output = followers[0].output[0]
            if output not in self.graph:
                return output
        return value
