"""The difference in time between two networks on a device, layer kind by layer kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cost.layer_cost import KINDS
from bench.cost.layer_time import OTHER, KindTime, LayerTime, kind_times, total
from bench.measurement.latency import Ratio, latency, ratio
from bench.measurement.result import OpTime, Result

TOTAL = "all"
ENOUGH = 0.9  # of a difference: the kinds that make so much of it are named


@dataclass(frozen=True)
class NetworkFile:
    """A network by its name, in one precision."""

    network: str
    precision: str

    @property
    def title(self) -> str:
        return f"{self.network} {self.precision}.tflite"


@dataclass(frozen=True)
class Side:
    """One network's file: ``layers`` with their times, the runtime's ``profile`` (empty where there
    is none), and ``result``, the file timed as a whole."""

    name: str
    layers: tuple[LayerTime, ...]
    profile: tuple[OpTime, ...]
    result: Result

    def kinds(self, precision: str) -> dict[str, KindTime]:
        return kind_times(self.layers, precision, self.profile)

    @property
    def median_ns(self) -> float:
        """Of whole inferences, without the profiler."""
        return latency(self.result.samples_ns, self.result.turns).median_ns

    def operators_share(self, precision: str) -> float | None:
        """The sum of the profile's operators over ``median_ns``; None without a profile."""
        measured_ns = total(self.kinds(precision).values(), TOTAL).measured_ns
        return None if measured_ns is None else measured_ns / self.median_ns

    @property
    def samples(self) -> int:
        return len(self.result.samples_ns)


@dataclass(frozen=True)
class KindPair:
    """A kind of layer in both networks; all zeros where one has none of it."""

    a: KindTime
    b: KindTime

    @property
    def difference_ns(self) -> float:
        """The measured time of the first less that of the second."""
        return (self.a.measured_ns or 0.0) - (self.b.measured_ns or 0.0)

    @property
    def predicted_difference_ns(self) -> float:
        return self.a.predicted_ns - self.b.predicted_ns


@dataclass(frozen=True)
class Versus:
    """Two networks in one ``precision``, measured in turns."""

    precision: str
    a: Side
    b: Side

    @property
    def ratio(self) -> Ratio:
        """The time of the first over that of the second, of whole inferences."""
        return ratio(self.a.result, self.b.result)

    @property
    def kinds(self) -> tuple[KindPair, ...]:
        """Every kind that one of them has, in the order of KINDS, OTHER last."""
        a, b = self.a.kinds(self.precision), self.b.kinds(self.precision)
        return tuple(
            KindPair(a.get(kind, KindTime(kind)), b.get(kind, KindTime(kind)))
            for kind in (*KINDS, OTHER)
            if kind in a or kind in b
        )

    @property
    def total(self) -> KindPair:
        kinds = self.kinds
        return KindPair(total((k.a for k in kinds), TOTAL), total((k.b for k in kinds), TOTAL))

    @property
    def is_profiled(self) -> bool:
        return bool(self.a.profile and self.b.profile)


def making_the_difference(pairs: Sequence[KindPair], sign: int) -> list[KindPair]:
    """The kinds that make most of what the first loses (``sign`` 1) or gains (-1), the greatest
    first: as few as make ENOUGH of it."""
    theirs = sorted(
        (pair for pair in pairs if sign * pair.difference_ns > 0),
        key=lambda pair: -abs(pair.difference_ns),
    )
    whole, named, so_far = sum(abs(pair.difference_ns) for pair in theirs), [], 0.0
    for pair in theirs:
        if so_far >= ENOUGH * whole:
            break
        named.append(pair)
        so_far += abs(pair.difference_ns)
    return named


def beyond_macs(versus: Versus) -> list[tuple[str, float]]:
    """By kind, what the first takes in ns beyond what it would if time went by MACs alone.

    The promise of MACs is the second's time scaled by the ratio of all MACs, kind by kind; the sum
    of all is the difference between that promise and what was measured. The largest first.
    """
    whole = versus.total
    promised = whole.a.macs / whole.b.macs
    excess = [
        (pair.a.kind, (pair.a.measured_ns or 0.0) - promised * (pair.b.measured_ns or 0.0))
        for pair in versus.kinds
    ]
    return sorted(excess, key=lambda item: -item[1])
