"""Objects within a manifest: of each the fields that are read; it may have more."""

from typing import Any, Required, TypedDict


class ModelIdentity(TypedDict, total=False):
    """The network's identity: weights and their hashes."""

    labels_known: Required[bool]
    weights: str | None
    sha256: str | None
    weights_sha256: str | None


class Images(TypedDict, total=False):
    """The images that files were calibrated or evaluated on."""

    name: Required[str]
    images: Required[int]
    set_aside_of: Any


class Tried(TypedDict, total=False):
    """A quantization method that was tried."""

    method: Required[str]
    sqnr_db: Required[float | None]
    seconds: Required[float]
    float_layers: list[str]
    latency_ratio: float | None
    latency_samples: int | None


class Search(TypedDict, total=False):
    """The search over methods; empty where there was none."""

    chosen: str
    min_sqnr_db: float | None
    methods: list[Tried]


class SplitLayers(TypedDict, total=False):
    """The layers that are computed in channel groups, and those that are not."""

    groups: int
    split: list[str]
    whole: list[str]


class InputReason(TypedDict, total=False):
    """Why pixels are scaled so."""

    reason: str
    guess: bool
