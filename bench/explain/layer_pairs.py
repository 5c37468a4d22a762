"""The layers that two sides have in common, by name, and their values in one shape."""

from collections.abc import Collection, Mapping

import numpy as np

from bench.explain.instrumented_layer import IMAGE, OUTPUT
from quantize.graph.layer_names import NUMBERED

KERAS_OUTPUT = ""
TO_NCHW = (0, 3, 1, 2)
FILLED_UP_TO = 16  # a multiple of this many channels


def keras_layers(keys: Collection[str], known: Collection[str]) -> Mapping[str, str]:
    """The name of the Keras layer that computes each of ``keys``, tensors of a file in execution
    order, as far as it is among ``known``. A layer of several operators is where the last one is.
    """
    latest = {}
    numbered = all(any(map(NUMBERED.search, _scopes(key))) for key in keys if _scopes(key))
    for key in keys:
        name = _keras_layer(key, known, numbered)
        if name is not None:
            latest[name] = key
    return {IMAGE: IMAGE, OUTPUT: KERAS_OUTPUT, **{key: name for name, key in latest.items()}}


def _scopes(key: str) -> list[str]:
    """The scopes of the last operator that the tensor was fused from."""
    return key.split(";")[0].split("/")[:-1]


def _keras_layer(key: str, known: Collection[str], numbered: bool) -> str | None:
    for scope in reversed(_scopes(key)):
        name = NUMBERED.sub("", scope) if numbered else scope
        if name in known:
            return name
    return None


def in_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """``values`` in ``shape``: axes of 1 may come and go, and an ONNX file that never left its own
    order of axes is put back into it; None where that is not it."""
    if values.shape == shape:
        return values
    if [n for n in values.shape if n > 1] == [n for n in shape if n > 1]:
        return values.reshape(shape)
    if values.ndim == 4 and values.transpose(TO_NCHW).shape == shape:
        return values.transpose(TO_NCHW)
    return None


def without_filling(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both without the last channels of one that the other has not: int8 ONNX files fill up the
    channels around depthwise convolutions."""
    if a.shape[:-1] != b.shape[:-1] or abs(a.shape[-1] - b.shape[-1]) >= FILLED_UP_TO:
        return a, b
    channels = min(a.shape[-1], b.shape[-1])
    return a[..., :channels], b[..., :channels]
