"""A file that gives what its layers compute, and which of its operators those are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantize.graph.layer_names import NUMBERED

IMAGE, OUTPUT = "(image)", "(output)"
NHWC, NCHW = (0, 1, 2, 3), (0, 2, 3, 1)


@dataclass(frozen=True)
class InstrumentedLayer:
    """An operator's output. ``key`` is the tensor's name in the float graph, which all files share;
    ``value`` its name in this file; ``sources`` the keys of the layers that it reads, directly or
    through operators that are not instrumented. ``scale`` and ``zero_point``: None where it is
    float. ``to_nhwc``: the order of axes, of 4, that puts channels last.
    """

    key: str
    name: str
    kind: str
    value: str
    sources: tuple[str, ...]
    scale: float | None = None
    zero_point: int | None = None
    to_nhwc: tuple[int, ...] = NHWC

    def real(self, stored: np.ndarray) -> np.ndarray:
        """The real numbers that the values [n, ...] stand for, float32, channels last."""
        values = stored.astype(np.float32)
        if self.scale is not None:
            values = (values - np.float32(self.zero_point)) * np.float32(self.scale)
        return values.transpose(self.to_nhwc) if values.ndim == 4 else values


@dataclass(frozen=True)
class InstrumentedModel:
    """``content``: the file with more outputs. ``layers`` in execution order: the input first, as
    IMAGE, and the file's own output last, as OUTPUT. The input is of ``input_dtype``."""

    content: bytes
    layers: tuple[InstrumentedLayer, ...]
    input_dtype: np.dtype

    def stored_images(self, images: np.ndarray) -> np.ndarray:
        """Preprocessed float32 images as the file reads them."""
        image = self.layers[0]
        if image.scale is None:
            return images.astype(self.input_dtype)
        limits = np.iinfo(self.input_dtype)
        steps = np.rint(images / np.float32(image.scale)) + image.zero_point
        return np.clip(steps, limits.min, limits.max).astype(self.input_dtype)


@dataclass(frozen=True)
class Operator:
    """``key``: None where it is not instrumented."""

    kind: str
    inputs: list[str]
    output: str
    key: str | None


def connected(operators: list[Operator], image: str) -> Iterator[tuple[Operator, tuple[str, ...]]]:
    """Each instrumented operator that depends on the image, and the keys of the layers it reads."""
    known: dict[str, tuple[str, ...]] = {image: (IMAGE,)}
    for operator in operators:
        read = (key for name in operator.inputs for key in known.get(name, ()))
        sources = tuple(dict.fromkeys(read))
        if not sources:
            continue  # it widens stored weights
        known[operator.output] = (operator.key,) if operator.key else sources
        if operator.key:
            yield operator, sources


def short_name(tensor: str) -> str:
    """The name of an operator without weights: the innermost numbered scope of the last operator
    that it was fused from, without the number; else the innermost scope, else the whole name."""
    *scopes, operator = tensor.split(";")[0].split("/")
    numbered = [NUMBERED.sub("", scope) for scope in scopes if NUMBERED.search(scope)]
    return [operator, *scopes[-1:], *numbered][-1]
