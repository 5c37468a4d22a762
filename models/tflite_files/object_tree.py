"""The object tree of a .tflite file: its tensors and operators by the names of the schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.model_files.model_file import one_line
from models.untrusted_files import memory_limit

IDENTIFIER = slice(4, 8)  # of the bytes of a file
LEFT_OUT = -1  # in the place of a tensor that an operator can do without
# The memory of the objects of a file, in which one table may stand for any number of them.
OBJECT_BYTES, TIMES = 128 << 20, 4


@dataclass(frozen=True, eq=False)
class ObjectTree:
    """``model``: a ``schema_py_generated.ModelT``; the first subgraph is the network."""

    model: object

    @classmethod
    def read(cls, path: Path, content: bytes) -> "ObjectTree":
        """RequestError, in one line, for what is no .tflite file or a damaged one."""
        from ai_edge_litert.tools import flatbuffer_utils

        if content[IDENTIFIER] != b"TFL3":
            raise RequestError(
                f"'{path}' is no .tflite file: its bytes 4 to 7 are not TFL3; expected a file that "
                "a TFLite converter wrote"
            )
        try:
            with memory_limit.further(OBJECT_BYTES + TIMES * len(content)):
                tree = cls(flatbuffer_utils.read_model_from_bytearray(content))
            tree._check()
        except Exception as error:  # whatever the reader of a damaged file runs into
            raise RequestError(
                f"'{path}' is damaged ({type(error).__name__}: {one_line(error)}); get it again"
            ) from error
        return tree

    def _check(self) -> None:
        """IndexError where it names a tensor, a buffer or an operator that is not there."""
        count = len(self.subgraph.tensors)
        read = [int(i) for one in self.operators for i in one.inputs if i != LEFT_OUT]
        made = [int(i) for one in self.operators for i in one.outputs]
        ends = [int(i) for i in (*self.subgraph.inputs, *self.subgraph.outputs)]
        if wrong := [i for i in (*read, *made, *ends) if not 0 <= i < count]:
            raise IndexError(f"it names tensor {wrong[0]}, and has {count}")
        _ = [self.model.buffers[tensor.buffer] for tensor in self.subgraph.tensors]
        _ = [self.kind(one) for one in self.operators]

    @property
    def subgraph(self):
        return self.model.subgraphs[0]

    @property
    def operators(self) -> list:
        return self.subgraph.operators or []

    def tensor(self, index: int):
        return self.subgraph.tensors[int(index)]

    def kind(self, operator) -> str:
        """Such as ``CONV_2D``; of a custom operator its own name."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        name = self._kinds.get(builtin, f"operator {builtin}")
        return code.customCode.decode() if name == "CUSTOM" and code.customCode else name

    def is_custom(self, operator) -> bool:
        code = self.model.operatorCodes[operator.opcodeIndex]
        return self._kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode)) == "CUSTOM"

    def dtype(self, index: int) -> str:
        """The element type of a tensor in small letters: ``float32``."""
        return self._types[self.tensor(index).type].lower()

    def is_constant(self, index: int) -> bool:
        data = self.model.buffers[self.tensor(index).buffer].data
        return data is not None and len(data) > 0

    def shape(self, index: int) -> tuple[int, ...]:
        found = self.tensor(index).shape
        return () if found is None else tuple(int(size) for size in found)

    def affine(self, index: int) -> tuple[float, int] | None:
        """Scale and zero point of an integer tensor; None where it has none."""
        found = self.tensor(index).quantization
        if found is None or found.scale is None or not len(found.scale):
            return None
        zero_points = found.zeroPoint if found.zeroPoint is not None else ()
        return float(found.scale[0]), int(zero_points[0]) if len(zero_points) else 0

    def name(self, index: int) -> str:
        return (self.tensor(index).name or b"").decode(errors="replace")

    def reads(self, operator) -> list[int]:
        """The tensors that it computes from: neither constants nor inputs left out."""
        return [int(i) for i in operator.inputs if i >= 0 and not self.is_constant(i)]

    def consumers(self, index: int) -> list:
        return [one for one in self.operators if index in [int(i) for i in one.inputs]]

    def producer(self, index: int):
        """The operator that computes a tensor; None for inputs and constants."""
        return next((o for o in self.operators if index in [int(i) for i in o.outputs]), None)

    def computed(self) -> Iterator:
        """The operators that the image or another input reaches: all but those on constants."""
        return (one for one in self.operators if self._reached & {int(i) for i in one.inputs})

    @cached_property
    def _reached(self) -> set[int]:
        found = {int(i) for i in self.subgraph.inputs}
        for operator in self.operators:
            if found & {int(i) for i in operator.inputs}:
                found |= {int(i) for i in operator.outputs}
        return found

    @cached_property
    def _kinds(self) -> dict[int, str]:
        from ai_edge_litert import schema_py_generated as schema

        return {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}

    @cached_property
    def _types(self) -> dict[int, str]:
        from ai_edge_litert import schema_py_generated as schema

        return {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}

    def packed(self) -> bytes:
        """The bytes of a file that holds this tree."""
        import flatbuffers

        for buffer in self.model.buffers:
            if buffer.data is not None:  # a bytes object would be packed byte by byte, in seconds
                buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
