"""Tiny graphs that are one operator several times in a row, for probes of a device.

Written straight from the TFLite schema. In a row, since one operator alone would be too
short beside what starting an inference costs.
"""

from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import Graph

INT8 = "int8"
RANGE = 6.0  # of every activation, as after ReLU6
KERNEL_SIDE = 3  # of depthwise convolutions
VERSIONS = {"CONV_2D": (1, 3), "DEPTHWISE_CONV_2D": (1, 3), "ADD": (1, 2)}  # float32, int8


@dataclass(frozen=True)
class Chain:
    """``operator`` ``length`` times in a row on maps of ``side`` x ``side`` x ``channels``.

    CONV_2D is 1x1 and DEPTHWISE_CONV_2D 3x3, both with as many channels out as in and a fused
    ReLU6; ADD adds a constant map.
    """

    operator: str
    side: int
    channels: int
    length: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 1, self.side, self.side, self.channels

    @property
    def values(self) -> int:
        """Elements of one map."""
        return self.side * self.side * self.channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference; an ADD has none."""
        per_value = {"CONV_2D": self.channels, "DEPTHWISE_CONV_2D": KERNEL_SIDE**2, "ADD": 0}
        return self.length * self.values * per_value[self.operator]


class _Writer:
    """The object tree of a chain in one precision, as it grows."""

    def __init__(self, chain: Chain, is_int8: bool) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema, self.chain, self.is_int8 = schema, chain, is_int8
        self.type = schema.TensorType.INT8 if is_int8 else schema.TensorType.FLOAT32
        self.model, self.subgraph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers = 3, [schema.BufferT()]
        self.model.subgraphs = [self.subgraph]
        self.subgraph.tensors, self.subgraph.operators = [], []
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, chain.operator)
        code.deprecatedBuiltinCode = code.builtinCode
        code.version = VERSIONS[chain.operator][is_int8]
        self.model.operatorCodes = [code]

    def tensor(self, name: str, shape, value=None, scales=None, zero_point=0, kind=None) -> int:
        made = self.schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), np.asarray(shape, np.int32), 0
        made.type = self.type if kind is None else kind
        if value is not None:
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(self.schema.BufferT())
            self.model.buffers[-1].data = np.frombuffer(value.tobytes(), np.uint8)
        if self.is_int8:
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = np.asarray(scales, np.float32)
            made.quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
            per_channel = len(scales) > 1
            made.quantization.quantizedDimension = len(shape) - 1 if per_channel else 0
        self.subgraph.tensors.append(made)
        return len(self.subgraph.tensors) - 1

    def map(self, name: str, value=None) -> int:
        """An activation, or a constant like one."""
        return self.tensor(name, self.chain.shape, value, [RANGE / 255], -128)

    def constants(self) -> list[int]:
        """The constants that every operator of the chain reads beside the map."""
        random, chain = np.random.default_rng(0), self.chain
        if chain.operator == "ADD":
            return [self.map("added", self._drawn(random, chain.shape))]
        channels = chain.channels
        shape = {
            "CONV_2D": (channels, 1, 1, channels),
            "DEPTHWISE_CONV_2D": (1, KERNEL_SIDE, KERNEL_SIDE, channels),
        }[chain.operator]
        step = 1 / (127 * channels)
        kernel = self.tensor("kernel", shape, self._drawn(random, shape), [step])
        zeros = np.zeros(channels, np.int32 if self.is_int8 else np.float32)
        of_bias = self.schema.TensorType.INT32 if self.is_int8 else None
        bias = self.tensor("bias", (channels,), zeros, [step * RANGE / 255], kind=of_bias)
        return [kernel, bias]

    def _drawn(self, random: np.random.Generator, shape) -> np.ndarray:
        if self.is_int8:
            return random.integers(-127, 128, shape).astype(np.int8)
        return random.uniform(0.01, 0.02, shape).astype(np.float32)  # far from denormal numbers

    def operator(self, inputs: list[int], output: int) -> None:
        schema, made = self.schema, self.schema.OperatorT()
        made.opcodeIndex = 0
        made.inputs, made.outputs = np.asarray(inputs, np.int32), np.asarray([output], np.int32)
        name, options = {
            "CONV_2D": ("Conv2DOptions", schema.Conv2DOptionsT),
            "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", schema.DepthwiseConv2DOptionsT),
            "ADD": ("AddOptions", schema.AddOptionsT),
        }[self.chain.operator]
        made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        made.builtinOptions = options()
        if self.chain.operator != "ADD":
            made.builtinOptions.strideH = made.builtinOptions.strideW = 1
            made.builtinOptions.padding = schema.Padding.SAME
            relu6 = schema.ActivationFunctionType.RELU6
            made.builtinOptions.fusedActivationFunction = relu6
        if self.chain.operator == "DEPTHWISE_CONV_2D":
            made.builtinOptions.depthMultiplier = 1
        self.subgraph.operators.append(made)


def graph(chain: Chain, precision: str) -> Graph:
    """``chain`` as a graph in "float32" or "int8", its weights and activations both."""
    writer = _Writer(chain, precision == INT8)
    last = writer.map("image")
    writer.subgraph.inputs = np.asarray([last], np.int32)
    constants = writer.constants()
    for n in range(chain.length):
        output = writer.map(f"map_{n}")
        writer.operator([last, *constants], output)
        last = output
    writer.subgraph.outputs = np.asarray([last], np.int32)
    return Graph.packed(writer.model)
