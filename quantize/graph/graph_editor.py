"""A graph under change: what the rewriting passes edit, and pack again when they are done."""

import copy

import numpy as np

from quantize.graph.graph import LINEAR, Graph, activations, kinds


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
        used = {tensor.buffer for tensor in self.subgraph.tensors}
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
        return self.constant(int(operator.inputs[position])) is not None

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

    def tensor(self, index: int):
        return self.subgraph.tensors[index]

    def name(self, index: int) -> str:
        return self.subgraph.tensors[index].name.decode()

    def constant_bytes(self, index: int):
        """The stored bytes of a constant; None for an activation."""
        return self.model.buffers[self.tensor(index).buffer].data

    def with_subgraph(self, subgraph) -> "GraphEditor":
        """An editor of another subgraph over the same constants; changing it leaves this one."""
        made = copy.copy(self)
        made.model = copy.copy(self.model)
        made.model.buffers = [copy.copy(buffer) for buffer in self.model.buffers]
        made.model.subgraphs = [subgraph]
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
        """A float32, int32 or int8 constant's value; None for an activation."""
        from ai_edge_litert import schema_py_generated as schema

        tensor, data = self.tensor(index), self.constant_bytes(index)
        if data is None:
            return None
        dtype = {
            schema.TensorType.FLOAT32: np.float32,
            schema.TensorType.INT32: np.int32,
            schema.TensorType.INT8: np.int8,
        }[tensor.type]
        return np.frombuffer(bytes(data), dtype).reshape([int(n) for n in tensor.shape])

    def set_constant(self, index: int, value: np.ndarray) -> None:
        """Give a constant another value of the same dtype and shape, in a buffer of its own."""
        self.tensor(index).buffer = self._buffer(value)

    def add_constant(self, name: str, value: np.ndarray) -> int:
        """The index of a new float32 constant."""
        value = np.asarray(value, np.float32)
        made = self.add_activation(name, value.shape)
        self.tensor(made).buffer = self._buffer(value)
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
        buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def operator(self, kind: str, inputs: list[int], output: int, activation: str = "NONE"):
        """A new ADD or MUL, not yet among the operators."""
        from ai_edge_litert import schema_py_generated as schema

        options = {"ADD": schema.AddOptionsT, "MUL": schema.MulOptionsT}[kind]()
        options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
        made = schema.OperatorT()
        made.opcodeIndex = self._opcode(getattr(schema.BuiltinOperator, kind))
        made.inputs = np.asarray(inputs, np.int32)
        made.outputs = np.asarray([output], np.int32)
        made.builtinOptionsType = getattr(
            schema.BuiltinOptions, {"ADD": "AddOptions", "MUL": "MulOptions"}[kind]
        )
        made.builtinOptions = options
        return made

    def become(self, operator, kind: str) -> None:
        """Make ``operator`` one of another kind, which has no options."""
        from ai_edge_litert import schema_py_generated as schema

        operator.opcodeIndex = self._opcode(getattr(schema.BuiltinOperator, kind))
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.NONE, None

    def _opcode(self, builtin: int) -> int:
        from ai_edge_litert import schema_py_generated as schema

        for i, code in enumerate(self.model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
                return i
        code = schema.OperatorCodeT()
        code.builtinCode = builtin
        code.deprecatedBuiltinCode = min(builtin, 127)
        code.version = 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1
