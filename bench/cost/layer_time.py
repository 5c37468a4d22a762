"""The time of layers, predicted by a roofline and measured by the runtime's profile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.cost.layer_cost import KINDS, LayerCost
from bench.cost.roofline import BYTES_PER_VALUE, MEMORY, Prediction, Roofline
from bench.measurement.result import OpTime

OTHER = "other"


@dataclass(frozen=True)
class LayerTime:
    """``measured_ns`` is None where the profile has no operator with the layer's output: there is
    no profile, or the runtime has fused the layer into another."""

    cost: LayerCost
    predicted: Prediction
    measured_ns: float | None = None


@dataclass(frozen=True)
class KindTime:
    """The layers of one kind, summed up; ``kind`` is "other" for operators of the runtime that are
    no layer of the file. ``memory_bound_ns``: of what is predicted, for memory-bound layers."""

    kind: str
    layers: int = 0
    macs: int = 0
    bytes_moved: int = 0
    predicted_ns: float = 0.0
    memory_bound_ns: float = 0.0
    measured_ns: float | None = None


def layer_times(
    costs: Sequence[LayerCost],
    roofline: Roofline,
    precision: str,
    profile: Sequence[OpTime] = (),
) -> tuple[LayerTime, ...]:
    """Each of ``costs`` predicted in ``precision``, and measured as far as ``profile`` has it."""
    measured_ns: dict[str, float] = {}
    for op in profile:
        measured_ns[op.name] = measured_ns.get(op.name, 0.0) + op.mean_ns
    return tuple(
        LayerTime(cost, roofline.predict(cost, precision), measured_ns.get(cost.output))
        for cost in costs
    )


def kind_times(
    times: Sequence[LayerTime], precision: str, profile: Sequence[OpTime] = ()
) -> dict[str, KindTime]:
    """By kind, in the order of KINDS, those that there are; last what in ``profile`` is no layer of
    ``times``, where it takes any time."""
    found = {kind: [t for t in times if t.cost.kind == kind] for kind in KINDS}
    made = {kind: _sum(kind, those, precision) for kind, those in found.items() if those}
    outputs = {time.cost.output for time in times}
    other_ns = sum(op.mean_ns for op in profile if op.name not in outputs)
    if other_ns:
        made[OTHER] = KindTime(OTHER, measured_ns=other_ns)
    return made


def total(kinds: Iterable[KindTime], name: str) -> KindTime:
    """The sum of all, called ``name``."""
    kinds = list(kinds)
    return KindTime(
        name,
        sum(kind.layers for kind in kinds),
        sum(kind.macs for kind in kinds),
        sum(kind.bytes_moved for kind in kinds),
        sum(kind.predicted_ns for kind in kinds),
        sum(kind.memory_bound_ns for kind in kinds),
        _known_sum(kind.measured_ns for kind in kinds),
    )


def _sum(kind: str, times: Sequence[LayerTime], precision: str) -> KindTime:
    return KindTime(
        kind,
        len(times),
        sum(time.cost.macs for time in times),
        sum(time.cost.bytes_moved(BYTES_PER_VALUE[precision]) for time in times),
        sum(time.predicted.time_ns for time in times),
        sum(time.predicted.time_ns for time in times if time.predicted.bound == MEMORY),
        _known_sum(time.measured_ns for time in times),
    )


def _known_sum(values_ns: Iterable[float | None]) -> float | None:
    known = [ns for ns in values_ns if ns is not None]
    return sum(known) if known else None
