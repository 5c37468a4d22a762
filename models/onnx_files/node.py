"""A node of an .onnx file as the functions that compute it see it."""

from dataclasses import dataclass

import numpy as np

from models.onnx_files.value import Value


class UnsupportedNode(Exception):
    """Something of a node that no TFLite operator computes; the message reads on after its name."""


@dataclass(frozen=True)
class Node:
    """``inputs`` are arrays where they are constants, Values where they are computed, and None
    where they are left out. ``outputs``: how many the file reads. ``opset``: of the file."""

    kind: str
    attributes: dict
    inputs: tuple
    outputs: int
    opset: int

    def has(self, position: int) -> bool:
        return len(self.inputs) > position and self.inputs[position] is not None

    def get(self, name: str, default=None):
        """An attribute; strings as str."""
        found = self.attributes.get(name, default)
        return found.decode() if isinstance(found, bytes) else found

    def value(self, tf, position: int) -> Value:
        """An input as a Value, a constant as well."""
        found = self.inputs[position]
        return found if isinstance(found, Value) else Value.of(constant(tf, found))

    def array(self, position: int, what: str) -> np.ndarray:
        """An input that has to be a constant; ``what`` it is, for the message."""
        found = self.inputs[position]
        if isinstance(found, Value):
            raise UnsupportedNode(f"computes its {what}; expected a constant")
        return found

    def setting(self, position: int, name: str, default=None):
        """An attribute of older opsets that newer ones have as the constant input there."""
        if self.has(position):
            found = self.array(position, name)
            return found.item() if found.ndim == 0 else found.tolist()
        return self.get(name, default)


def constant(tf, array: np.ndarray):
    """A constant tensor; the float graph is all float32."""
    if array.dtype in (np.float64, np.float16):
        array = array.astype(np.float32)
    return tf.constant(array)
