"""An ONNX model in the making: nodes and constants, each name given once."""

import math
from collections.abc import Sequence

import numpy as np

from quantize.graph.graph import Quantization

# The first operator sets with everything used here, and the IR version of their releases: the lower
# they are, the older the runtimes that read a file.
OPSET, OPSET_OF = 13, {"HardSwish": 14}
IR_VERSION = 7
PRODUCER = "mobilenet-deploy"
# What follows a tensor's name in the names of values that TFLite does not have.
INTEGERS, REAL, SCALE, ZERO_POINT = ":uint8", ":real", ":scale", ":zero_point"


class ModelBuilder:
    """``scope``: the tensor that is being written, which names of new values begin with.

    ``reserved``: names that are not given to values by themselves, those of the model's outputs.
    ``integers_of``: for each real value that a DequantizeLinear makes, what that reads: the names
    of the integers, of their scale and of their zero point.
    """

    def __init__(self, reserved: Sequence[str]) -> None:
        self.scope = ""
        self.nodes: list = []
        self.constants: dict[str, np.ndarray] = {}
        self.integers_of: dict[str, tuple[str, str, str]] = {}
        self._given = set(reserved)
        self._unnamed: set[str] = set()
        self._settings: dict[tuple, str] = {}

    def node(self, kind: str, inputs: Sequence[str], name: str | None = None, **attributes) -> str:
        """The value that a new node computes, called ``name`` or after the scope."""
        return self.nodes_of(kind, inputs, 1, name, **attributes)[0]

    def nodes_of(
        self, kind: str, inputs: Sequence[str], count: int, name: str | None = None, **attributes
    ) -> list[str]:
        """As ``node``, of a kind with several outputs."""
        from onnx import helper

        made = [self.unique(name or f"{self.scope}:{kind.lower()}") for _ in range(count)]
        if name is None:
            self._unnamed.update(made)
        self.nodes.append(helper.make_node(kind, inputs, made, **attributes))
        return made

    def unique(self, name: str) -> str:
        """``name``, or with a number where it is taken; from now on it is."""
        made, number = name, 1
        while made in self._given:
            number += 1
            made = f"{name}_{number}"
        self._given.add(made)
        return made

    def take(self, name: str) -> None:
        """Give ``name`` to something that is not made here."""
        self._given.add(name)

    def constant(self, name: str, values: np.ndarray) -> str:
        """A new constant, called ``name`` if that is free."""
        made = self.unique(name)
        self.constants[made] = values  # copied into the model at the end, where it is needed
        return made

    def setting(self, values, dtype=np.int64) -> str:
        """A constant that is a setting of operators, such as a shape; one for all alike."""
        array = np.asarray(values, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._settings:
            listed = ",".join(f"{value:g}" for value in array.reshape(-1).tolist()[:8])
            self._settings[key] = self.constant(f"setting:{listed}", array)
        return self._settings[key]

    def number(self, value: float) -> str:
        """A float32 scalar."""
        return self.setting(value, np.float32)

    def pair(self, real: str, quantization: Quantization, label: str) -> str:
        """``real`` rounded to integers and read again: QuantizeLinear and DequantizeLinear.

        The integers are uint8 (same scale, zero point 128 higher): ONNX Runtime turns int8
        activations into uint8 itself where the processor wants it, and loses fusions on the way.
        """
        affine = self.affine(quantization, np.uint8, label)
        stored = self.node("QuantizeLinear", [real, *affine], f"{label}{INTEGERS}")
        return self.dequantized(stored, affine, f"{label}{REAL}")

    def dequantized(self, stored: str, affine: tuple[str, str], name: str) -> str:
        """The real numbers that the integers ``stored`` stand for."""
        made = self.node("DequantizeLinear", [stored, *affine], name)
        self.integers_of[made] = (stored, *affine)
        return made

    def affine(self, quantization: Quantization, dtype, label: str) -> tuple[str, str]:
        """Names of a new scale and zero point; for uint8 the same levels counted from 0."""
        levels_up = 128 if dtype == np.uint8 else 0
        scale = self.constant(f"{label}{SCALE}", quantization.scale.reshape(()))
        level = (quantization.zero_point + levels_up).astype(dtype).reshape(())
        return scale, self.constant(f"{label}{ZERO_POINT}", level)

    def call(self, value: str, name: str) -> str:
        """Give a value that was named after the scope alone the name ``name``, where that is free.

        Returns what it is called now.
        """
        if value not in self._unnamed:
            return value
        self._given.discard(value)
        self._unnamed.discard(value)
        made = self.unique(name)
        self.rename(value, made)
        return made

    def rename(self, value: str, name: str) -> None:
        """Change the name of a value wherever it is."""
        for node in reversed(self.nodes):
            for i, read in enumerate(node.input):
                if read == value:
                    node.input[i] = name
            if value in node.output:
                node.output[list(node.output).index(value)] = name
                return

    def makes(self, value: str) -> bool:
        """True where a node computes it."""
        return any(value in node.output for node in self.nodes)

    def model(self, inputs: list, outputs: list):
        """The ModelProto, without what no output depends on. ``inputs``, ``outputs``: ONNX's."""
        from onnx import helper

        needed, nodes = {output.name for output in outputs}, []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                node.name = node.output[0]
                nodes.append(node)
        opset = max([OPSET, *(OPSET_OF.get(node.op_type, OPSET) for node in nodes)])
        model = helper.make_model(
            helper.make_graph(nodes[::-1], "main", inputs, outputs),
            producer_name=PRODUCER,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", opset)],
        )
        for name, values in self.constants.items():
            if name in needed:
                _fill(model.graph.initializer.add(), name, values)
        return model


def _fill(tensor, name: str, values: np.ndarray) -> None:
    """The one copy of a constant that is made of it."""
    from onnx import helper

    tensor.name, tensor.data_type = name, helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor.dims.extend(values.shape)
    tensor.raw_data = values.tobytes()


def is_scalar(shape: Sequence[int]) -> bool:
    """True where there is one element."""
    return math.prod(shape) == 1
