"""The conclusion of a comparison in sentences, out of its figures."""

from collections.abc import Sequence

from bench.cost.layer_time import KindTime
from bench.cost.versus import ENOUGH, KindPair, Versus, beyond_macs, making_the_difference


def conclusion(versus: Versus) -> list[str]:
    """Sentences on the whole, on the kinds of layer that make the difference, and on those that
    keep the first from what its MACs promise."""
    found = [_whole(versus)]
    if versus.is_profiled:
        found += [_of_the_kinds(versus), _of_the_macs(versus)]
    return found


def _whole(versus: Versus) -> str:
    whole, of = versus.total, versus.ratio
    low, high = of.interval.low, of.interval.high
    macs, moved = whole.a.macs / whole.b.macs, whole.a.bytes_moved / whole.b.bytes_moved
    unsure = " (no difference beyond the noise)" if low <= 1 <= high else ""
    predicted = whole.a.predicted_ns / whole.b.predicted_ns
    return (
        f"{versus.precision}: {versus.a.name} takes {of.value:.2f} times as long as "
        f"{versus.b.name} (95 %: {low:.2f} to {high:.2f}){unsure}, {predicted:.2f} times by the "
        f"roofline, with {macs:.2f} times the MACs and {moved:.2f} times the bytes."
    )


def _of_the_kinds(versus: Versus) -> str:
    found = []
    for sign, verb in ((1, "loses"), (-1, "gains")):
        pairs = making_the_difference(versus.kinds, sign)
        if pairs:
            found.append(f"{verb} in {_listed([_pair(pair, versus) for pair in pairs])}")
    return f"By kind {versus.a.name} {' and '.join(found) or 'does the same'}."


def _pair(pair: KindPair, versus: Versus) -> str:
    measured, predicted = _ms(pair.difference_ns), _ms(pair.predicted_difference_ns)
    return f"{pair.a.kind} ({measured}; {predicted} predicted{_beside(pair, versus)})"


def _beside(pair: KindPair, versus: Versus) -> str:
    if not pair.a.layers or not pair.b.layers:
        lacking = versus.b if pair.a.layers else versus.a
        return f"; {lacking.name} has none" if pair.a.layers or pair.b.layers else ""
    moved = f"{pair.a.bytes_moved / pair.b.bytes_moved:.2f} times the bytes"
    if not pair.a.macs or not pair.b.macs:
        return f"; {moved}"
    return f"; {pair.a.macs / pair.b.macs:.2f} times the MACs, {moved}"


def _of_the_macs(versus: Versus) -> str:
    whole = versus.total
    promised_ns = whole.a.macs / whole.b.macs * whole.b.measured_ns
    beyond_ns = whole.a.measured_ns - promised_ns
    if beyond_ns <= 0:
        return (
            f"By its MACs alone {versus.a.name} would take {promised_ns / 1e6:.2f} ms; it takes "
            f"{whole.a.measured_ns / 1e6:.2f} ms, no more than they promise."
        )
    named, so_far = [], 0.0
    for kind, excess_ns in beyond_macs(versus):
        if excess_ns <= 0 or so_far >= ENOUGH * beyond_ns:
            break
        named.append(f"{kind} ({_ms(excess_ns)})")
        so_far += excess_ns
    return (
        f"By its MACs alone {versus.a.name} would take {promised_ns / 1e6:.2f} ms; that it takes "
        f"{whole.a.measured_ns / 1e6:.2f} ms is due to {_listed(named)}. By the roofline "
        f"{_memory_bound(whole.a)} of its time is memory-bound, of {versus.b.name}'s "
        f"{_memory_bound(whole.b)}."
    )


def _memory_bound(kind: KindTime) -> str:
    return f"{kind.memory_bound_ns / kind.predicted_ns:.0%}"


def _ms(ns: float) -> str:
    return f"{ns / 1e6:+.2f} ms"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
