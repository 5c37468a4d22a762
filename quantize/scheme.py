"""The precisions a file can have, as named instances."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """How weights and activations are stored."""

    name: str
    weights: str
    activations: str

    @property
    def is_integer(self) -> bool:
        """Whether inputs and outputs of the file are integers."""
        return self.activations.startswith("int")


FLOAT32 = Scheme("float32", weights="float32", activations="float32")
FLOAT16 = Scheme("float16", weights="float16", activations="float32")
INT8 = Scheme("int8", weights="int8 per channel", activations="int8 per tensor")

SCHEMES = (FLOAT32, FLOAT16, INT8)
