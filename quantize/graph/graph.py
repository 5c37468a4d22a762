"""The one graph everything is made from: a .tflite flatbuffer, to look at, change and run."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantize.runtime.model_session import open_session

CONSTANT_ALIGNMENT_BYTES = 16
INITIAL_BYTES = 2**16  # of a file that is being packed, beside its constants
LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # ops with weights and a bias


@dataclass(frozen=True)
class Quantization:
    """Affine map of an integer tensor: real = scale * (q - zero_point).

    ``scale`` and ``zero_point`` hold one value, or one for each index along ``axis``.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int


@dataclass(frozen=True)
class Graph:
    """A TFLite model of one subgraph, batch 1. Passes take one and return another."""

    content: bytes

    def __reduce__(self):
        """Pickled as its content alone, without the object trees that were made of it."""
        return Graph, (self.content,)

    @cached_property
    def model(self):
        """The flatbuffer's object tree (``schema_py_generated.ModelT``); not to be changed."""
        return self.unpacked()

    def unpacked(self):
        """A fresh object tree that a pass may change; its constants are views of ``content``."""
        from ai_edge_litert.tools import flatbuffer_utils

        return flatbuffer_utils.read_model_from_bytearray(self.content)

    @classmethod
    def packed(cls, model) -> "Graph":
        """The graph of an object tree, constants aligned as the TFLite schema demands."""
        import flatbuffers

        class AlignedBuilder(flatbuffers.Builder):
            """Python's builder ignores the schema's ``force_align`` of byte vectors."""

            def StartVector(self, elemSize, numElems, alignment):
                wide = max(alignment, CONSTANT_ALIGNMENT_BYTES) if elemSize == 1 else alignment
                return super().StartVector(elemSize, numElems, wide)

        stored_bytes = 0
        for buffer in model.buffers:
            if buffer.data is not None:  # a bytes object would be packed byte by byte, in seconds
                buffer.data = _as_bytes(buffer.data)
                stored_bytes += len(buffer.data) + 4 * CONSTANT_ALIGNMENT_BYTES
        # Large enough from the start: a builder that grows holds everything three times.
        builder = AlignedBuilder(stored_bytes + INITIAL_BYTES)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return cls(bytes(memoryview(builder.Bytes)[builder.Head() :]))

    @property
    def subgraph(self):
        return self.model.subgraphs[0]

    def tensor(self, name: str):
        """The TensorT called ``name``; KeyError if there is none."""
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        """True where a tensor is called ``name``."""
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict:
        return {tensor.name.decode(): tensor for tensor in self.subgraph.tensors}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.subgraph.tensors[i].name.decode() for i in self.subgraph.inputs)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self.subgraph.tensors[i].name.decode() for i in self.subgraph.outputs)

    def constant(self, name: str) -> np.ndarray | None:
        """The value of a constant tensor in its own dtype; None for an activation or no numbers."""
        tensor = self.tensor(name)
        data = self.model.buffers[tensor.buffer].data
        if data is None or self.dtype(name).hasobject:
            return None
        found = np.frombuffer(_as_bytes(data), self.dtype(name)).reshape(tensor.shape)
        found.flags.writeable = False
        return found

    def is_constant(self, name: str) -> bool:
        """True where a tensor's value is stored in the graph."""
        return self.model.buffers[self.tensor(name).buffer].data is not None

    @cached_property
    def activations(self) -> tuple[str, ...]:
        """Names of the tensors that are computed, the graph's input first."""
        return tuple(
            name
            for name, tensor in self._by_name.items()
            if self.model.buffers[tensor.buffer].data is None
        )

    def quantization(self, name: str) -> Quantization | None:
        """The affine map of a tensor; None where it is float."""
        found = self.tensor(name).quantization
        if found is None or found.scale is None or not len(found.scale):
            return None
        return Quantization(
            np.asarray(found.scale, np.float32),
            np.asarray(found.zeroPoint, np.int64),
            found.quantizedDimension,
        )

    def size(self, name: str) -> int:
        """The number of values of a tensor; its shape has int32, whose product may overflow."""
        return math.prod(int(n) for n in self.tensor(name).shape)

    def dtype(self, name: str) -> np.dtype:
        """The element type of a tensor; ``object`` for one that numpy has not, e.g. RESOURCE."""
        return tensor_dtype(self.tensor(name).type)

    def operators(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each operator in execution order: its kind, names of its inputs, names of its outputs."""
        tensors = self.subgraph.tensors
        for operator in self.subgraph.operators:
            yield (
                self._kind(operator),
                [tensors[i].name.decode() for i in operator.inputs if i >= 0],
                [tensors[i].name.decode() for i in operator.outputs],
            )

    def body_operators(self) -> Iterator[tuple[str, list[str]]]:
        """Kind and names of outputs of each operator in the bodies and conditions of loops, and as
        INPUT and OUTPUT what these take and give."""
        for body in self.model.subgraphs[1:]:

            def names(indices, tensors=body.tensors) -> list[str]:
                return [tensors[i].name.decode() for i in indices]

            yield "INPUT", names(body.inputs)
            for operator in body.operators:
                yield self._kind(operator), names(operator.outputs)
            yield "OUTPUT", names(body.outputs)

    def fused_operators(self) -> Iterator[tuple[str, str, list[str], list[str]]]:
        """As ``operators``, with the fused activation (``NONE``, ``RELU6``, ...) after the kind."""
        found = activations()
        for operator, (kind, inputs, outputs) in zip(
            self.subgraph.operators, self.operators(), strict=True
        ):
            code = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
            yield kind, found[code], inputs, outputs

    def _kind(self, operator) -> str:
        code = self.model.operatorCodes[operator.opcodeIndex]
        return kinds()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    @property
    def op_histogram(self) -> dict[str, int]:
        """Counts of each kind of operator, most frequent first."""
        return dict(Counter(kind for kind, _, _ in self.operators()).most_common())

    def named(self, input_name: str, *output_names: str) -> "Graph":
        """The same graph with its input and outputs so called, also in a serving signature."""
        from ai_edge_litert import schema_py_generated as schema

        model = self.unpacked()
        subgraph = model.subgraphs[0]
        ends = [subgraph.inputs[0], *subgraph.outputs]
        names = [name.encode() for name in (input_name, *output_names)]
        for index, tensor in enumerate(subgraph.tensors):
            if tensor.name in names and index not in ends:
                tensor.name += b"/inside"
        for index, name in zip(ends, names, strict=True):
            subgraph.tensors[index].name = name
        signature = schema.SignatureDefT()
        signature.signatureKey = b"serving_default"
        signature.subgraphIndex = 0
        signature.inputs = [_tensor_map(schema, input_name, subgraph.inputs[0])]
        signature.outputs = [
            _tensor_map(schema, name, index)
            for name, index in zip(output_names, subgraph.outputs, strict=True)
        ]
        model.signatureDefs = [signature]
        return Graph.packed(model)

    def interpreter(self, threads: int, keep_activations: bool = False):
        """A LiteRT interpreter ready to run; ``keep_activations`` makes every tensor readable."""
        return open_session("litert", self.content, threads, keep_activations).interpreter


def _as_bytes(data) -> np.ndarray:
    """The stored bytes of a constant, uint8, without a copy where they are an array already."""
    return data if isinstance(data, np.ndarray) else np.frombuffer(bytes(data), np.uint8)


def tensor_dtype(number: int) -> np.dtype:
    """The element type by the schema's number; ``object`` for one that numpy has not."""
    from ai_edge_litert import schema_py_generated as schema

    try:
        return np.dtype(_names(schema.TensorType)[number].lower())
    except TypeError:
        return np.dtype(object)


def kinds() -> dict[int, str]:
    """Names of the kinds of operator by the schema's number."""
    from ai_edge_litert import schema_py_generated as schema

    return _names(schema.BuiltinOperator)


def activations() -> dict[int, str]:
    """Names of the fused activations by the schema's number."""
    from ai_edge_litert import schema_py_generated as schema

    return _names(schema.ActivationFunctionType)


def _names(enumeration) -> dict[int, str]:
    return {v: k for k, v in vars(enumeration).items() if isinstance(v, int)}


def _tensor_map(schema, name: str, index: int):
    made = schema.TensorMapT()
    made.name = name.encode()
    made.tensorIndex = int(index)
    return made
