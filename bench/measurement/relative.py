"""How long one run takes beside another."""

from dataclasses import dataclass

from bench.measurement.latency import Ratio, ratio, unpaired_ratio
from bench.measurement.record import Record


@dataclass(frozen=True)
class Relative:
    """``ratio`` of the medians. What the machine changed between the two runs is in its interval
    only where they were ``in_turns``."""

    ratio: Ratio
    in_turns: bool


def relative(a: Record, b: Record) -> Relative | None:
    """``a`` over ``b``; None where one was not timed, or on an emulated device, whose times mean
    nothing."""
    if a.environment.emulated or b.environment.emulated:
        return None
    if not a.result.samples_ns or not b.result.samples_ns:
        return None
    in_turns = took_turns(a, b)
    return Relative((ratio if in_turns else unpaired_ratio)(a.result, b.result), in_turns)


def took_turns(a: Record, b: Record) -> bool:
    """Whether both were measured in turns with each other."""
    return (
        (a.session, a.device, a.result.turn_group) == (b.session, b.device, b.result.turn_group)
        and "sustained" not in (a.kind, b.kind)  # one after the other
    )  # fmt: skip
