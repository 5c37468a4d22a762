"""A graph under change: what the rewriting passes edit, and pack again when they are done."""

import copy

import numpy as np

from quantize.graph.graph import LINEAR, Graph, activations, kinds, tensor_dtype

OPTIONS = {
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
}
# Of convolutions: one step at a time, one filter for each channel.
FACTORS = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "depthMultiplier")
VERSION = {"DEQUANTIZE": 3}  # of an operator: the first with float16


class GraphEditor:
    """The object tree of one graph, with what it takes to change operators and constants.

    Tensors are known by their index in ``subgraph.tensors``, operators are the schema's objects.
    """

    def __init__(self, graph: Graph) -> None:
        self.model = graph.unpacked()
        self.subgraph = self.model.subgraphs[0]

    @property
    def operators(self) -> list:
        return self.subgraph.operators

    def graph(self) -> Graph:
        """The changed graph, without the tensors and constants that nothing uses any more."""
        self._forget_unused_tensors()
        used = {tensor.buffer for part in self.model.subgraphs for tensor in part.tensors}
        used |= {metadata.buffer for metadata in self.model.metadata or ()}
        for i, buffer in enumerate(self.model.buffers):
            if i not in used:
                buffer.data = None
        return Graph.packed(self.model)

    def _forget_unused_tensors(self) -> None:
        users = [*self.operators, self.subgraph]
        used = {int(i) for user in users for i in (*user.inputs, *user.outputs) if i >= 0}
        place = {old: new for new, old in enumerate(sorted(used))}
        place[-1] = -1  # an input that is left out
        for user in users:
            user.inputs = np.asarray([place[int(i)] for i in user.inputs], np.int32)
            user.outputs = np.asarray([place[int(i)] for i in user.outputs], np.int32)
        for signature in self.model.signatureDefs or ():
            for tensor_map in (*signature.inputs, *signature.outputs):
                tensor_map.tensorIndex = place[tensor_map.tensorIndex]
        self.subgraph.tensors = [self.subgraph.tensors[i] for i in sorted(used)]

    def kind(self, operator) -> str:
        """The name of an operator's kind, such as ``CONV_2D``."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        return kinds()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def of_kind(self, kind: str) -> list:
        """The operators of one kind, in execution order."""
        return [operator for operator in self.operators if self.kind(operator) == kind]

    def activation(self, operator) -> str:
        """The fused activation, such as ``RELU6``; ``NONE`` also where the kind has none."""
        code = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        return activations()[code]

    def replace(self, operator, others: list) -> None:
        """Put ``others`` where ``operator`` was."""
        at = next(i for i, o in enumerate(self.operators) if o is operator)
        self.operators[at : at + 1] = others

    def rewire(self, operator, old: int, new: int) -> None:
        """Make ``operator`` read the tensor ``new`` instead of ``old``."""
        operator.inputs = np.asarray([new if i == old else i for i in operator.inputs], np.int32)

    def reads_constant(self, operator, position: int) -> bool:
        """True where the input of ``operator`` at ``position`` is a constant."""
        index = int(operator.inputs[position])
        return index >= 0 and self.constant_bytes(index) is not None

    def read(self, operator, position: int) -> np.ndarray:
        """The constant that ``operator`` reads at ``position``."""
        return self.constant(int(operator.inputs[position]))

    def write(self, operator, position: int, value: np.ndarray) -> None:
        """Give the constant that ``operator`` reads another value, for this operator alone."""
        index = int(operator.inputs[position])
        value = np.asarray(value, self.constant(index).dtype)
        if len(self.consumers(index)) > 1:
            copied = copy.copy(self.tensor(index))
            copied.name = f"{self.name(index)}/of {self.name(int(operator.outputs[0]))}".encode()
            self.subgraph.tensors.append(copied)
            index = len(self.subgraph.tensors) - 1
            inputs = list(operator.inputs)
            inputs[position] = index
            operator.inputs = np.asarray(inputs, np.int32)
        self.set_constant(index, value)

    def write_bias(self, operator, bias: np.ndarray) -> None:
        """Store real values [output channels] as the int32 bias of a layer, as near as its steps
        allow."""
        steps = self.tensor(int(operator.inputs[2])).quantization.scale
        integers = np.rint(bias / np.asarray(steps, np.float64))
        limit = np.iinfo(np.int32)
        self.write(operator, 2, np.clip(integers, limit.min, limit.max))

    def tensor(self, index: int):
        return self.subgraph.tensors[index]

    def name(self, index: int) -> str:
        return self.subgraph.tensors[index].name.decode()

    def constant_bytes(self, index: int):
        """The stored bytes of a constant; None for an activation."""
        return self.model.buffers[self.tensor(index).buffer].data

    def with_subgraph(self, subgraph) -> "GraphEditor":
        """An editor of another main subgraph over the same constants and the same bodies of loops;
        changing it leaves this one."""
        made = copy.copy(self)
        made.model = copy.copy(self.model)
        made.model.buffers = [copy.copy(buffer) for buffer in self.model.buffers]
        made.model.subgraphs = [subgraph, *self.model.subgraphs[1:]]
        made.model.signatureDefs = []
        made.subgraph = subgraph
        return made

    def affine(self, index: int) -> tuple[np.float32, int]:
        """Scale and zero point of an integer activation."""
        found = self.tensor(index).quantization
        return np.float32(found.scale[0]), int(found.zeroPoint[0])

    def is_int8(self, operator) -> bool:
        """True where a layer computes in int8 and has a bias."""
        from ai_edge_litert import schema_py_generated as schema

        types = [self.tensor(int(i)).type for i in operator.inputs if i >= 0]
        return types == [schema.TensorType.INT8, schema.TensorType.INT8, schema.TensorType.INT32]

    def has_int8_weights(self, operator) -> bool:
        """True where it is a layer with weights that are int8."""
        if self.kind(operator) not in LINEAR:
            return False
        weights = self.constant(int(operator.inputs[1]))
        return weights is not None and weights.dtype == np.int8

    def producer(self, index: int):
        """The operator that computes a tensor; None for inputs and constants."""
        return next((o for o in self.operators if index in list(o.outputs)), None)

    def consumers(self, index: int) -> list:
        """The operators that read a tensor."""
        return [o for o in self.operators if index in list(o.inputs)]

    def is_output(self, index: int) -> bool:
        return index in list(self.subgraph.outputs)

    def constant(self, index: int) -> np.ndarray | None:
        """A constant's value in its own dtype; None for an activation, and for no numbers."""
        tensor, data = self.tensor(index), self.constant_bytes(index)
        dtype = tensor_dtype(tensor.type)
        if data is None or dtype.hasobject:
            return None
        stored = data if isinstance(data, np.ndarray) else bytes(data)
        return np.frombuffer(stored, dtype).reshape([int(n) for n in tensor.shape])

    def set_constant(self, index: int, value: np.ndarray) -> None:
        """Give a constant another value of the same dtype and shape, in a buffer of its own."""
        self.tensor(index).buffer = self._buffer(value)

    def add_constant(self, name: str, value: np.ndarray) -> int:
        """The index of a new float16 constant where ``value`` is, else of a float32 one."""
        from ai_edge_litert import schema_py_generated as schema

        is_half = np.asarray(value).dtype == np.float16
        value = np.asarray(value, np.float16 if is_half else np.float32)
        made = self.add_activation(name, value.shape)
        self.tensor(made).buffer = self._buffer(value)
        if is_half:
            self.tensor(made).type = schema.TensorType.FLOAT16
        return made

    def add_activation(self, name: str, shape) -> int:
        """The index of a new float32 tensor that an operator will compute."""
        from ai_edge_litert import schema_py_generated as schema

        tensor = schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = np.asarray([int(n) for n in shape], np.int32)
        tensor.type = schema.TensorType.FLOAT32
        tensor.buffer = 0
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def _buffer(self, value: np.ndarray) -> int:
        from ai_edge_litert import schema_py_generated as schema

        buffer = schema.BufferT()
        # Bytes of its own: whoever gave ``value`` may go on to change it.
        buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def operator(self, kind: str, inputs: list[int], output: int, activation: str = "NONE"):
        """A new operator of a kind in OPTIONS, not yet among the operators."""
        from ai_edge_litert import schema_py_generated as schema

        name = OPTIONS[kind]
        made = schema.OperatorT()
        made.opcodeIndex = self._opcode(getattr(schema.BuiltinOperator, kind), VERSION.get(kind, 1))
        made.inputs = np.asarray(inputs, np.int32)
        made.outputs = np.asarray([output], np.int32)
        made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        made.builtinOptions = getattr(schema, f"{name}T")()
        for factor in FACTORS:
            if hasattr(made.builtinOptions, factor):
                setattr(made.builtinOptions, factor, 1)
        if hasattr(made.builtinOptions, "fusedActivationFunction"):
            code = getattr(schema.ActivationFunctionType, activation)
            made.builtinOptions.fusedActivationFunction = code
        return made

    def become(self, operator, kind: str) -> None:
        """Make ``operator`` one of another kind, which has no options."""
        from ai_edge_litert import schema_py_generated as schema

        operator.opcodeIndex = self._opcode(getattr(schema.BuiltinOperator, kind))
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.NONE, None

    def _opcode(self, builtin: int, version: int = 1) -> int:
        from ai_edge_litert import schema_py_generated as schema

        for i, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
                return i
        code = schema.OperatorCodeT()
        code.builtinCode = builtin
        code.deprecatedBuiltinCode = min(builtin, 127)
        code.version = version
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1
