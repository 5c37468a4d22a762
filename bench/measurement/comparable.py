"""Two runs beside each other: whether their times may be compared, and their ratio."""

from dataclasses import dataclass
from typing import Any

from bench.measurement.latency import Ratio, ratio, unpaired_ratio
from bench.measurement.record import Record

OF_ENVIRONMENT = (
    *("cpu_model", "cores", "architecture", "kernel_architecture", "system", "os", "board"),
    *("max_khz", "emulated", "cpu_quota_cores"),
)
OF_RESULT = ("threads", "affinity")
UNTOLD = (None, ())


def unlike(a: Record, b: Record) -> dict[str, tuple[Any, Any]]:
    """The circumstances in which ``a`` and ``b`` differ, with both values; {} where their times can
    be compared.

    Another file or another runtime is what one compares; another version of the same runtime is
    not. What one of the two does not report is not compared.
    """
    pairs = {
        "sustained": (a.kind == "sustained", b.kind == "sustained"),
        **{n: (getattr(a.environment, n), getattr(b.environment, n)) for n in OF_ENVIRONMENT},
        **{n: (getattr(a.result, n), getattr(b.result, n)) for n in OF_RESULT},
        "governors": (_governors(a), _governors(b)),
    }
    if a.result.runtime == b.result.runtime:
        pairs[a.result.runtime] = a.result.runtime_version, b.result.runtime_version
    return {
        name: (of_a, of_b)
        for name, (of_a, of_b) in pairs.items()
        if of_a != of_b and of_a not in UNTOLD and of_b not in UNTOLD
    }


def _governors(record: Record) -> tuple[str, ...]:
    """Every frequency governor that any core had while it ran."""
    return tuple(sorted({name for state in record.result.states for name in state.governors}))


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
    if not all(one.result.samples_ns and one.result.turns for one in (a, b)):
        return None
    in_turns = took_turns(a, b)
    return Relative((ratio if in_turns else unpaired_ratio)(a.result, b.result), in_turns)


def took_turns(a: Record, b: Record) -> bool:
    """True where both were measured in turns with each other."""
    return (
        (a.session, a.device, a.result.turn_group) == (b.session, b.device, b.result.turn_group)
        and "sustained" not in (a.kind, b.kind)  # one after the other
    )  # fmt: skip
