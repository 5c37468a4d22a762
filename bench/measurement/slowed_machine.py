"""Warnings about the machine: busy, stolen from, throttled, hot, with low clocks or battery."""

from collections.abc import Iterator, Sequence

from bench.measurement.environment import Battery, Environment
from bench.measurement.result import Result, State
from bench.measurement.warning import Again, MeasurementWarning

BUSY_SHARE = 0.05  # of all cores, had by others
STOLEN_SHARE = 0.02
SLOWER_CLOCK = 0.9  # of a core's highest frequency
HOT_C = 80.0  # where a Raspberry Pi begins to slow down
LOW_PERCENT = 20  # of a battery: about there phones begin to save power
SLOWED_STATUS = 2  # of THERMAL_STATUS
THROTTLED_NOW = 0b1111  # bits of vcgencmd: under-voltage, capped, throttled, soft limit
SINCE_BOOT = 16  # places further up: the same, at any time since boot


def machine_warnings(
    result: Result, environment: Environment, again: Again | None
) -> Iterator[MeasurementWarning]:
    """The reasons that the machine gives: what it ran beside the timed file, heat, clocks."""
    if environment.emulated:
        yield MeasurementWarning(
            "emulated",
            "the processor is emulated",
            "its times mean nothing; only its predictions count",
        )
    if (result.others_share or 0) > BUSY_SHARE:
        yield MeasurementWarning(
            "busy",
            f"other processes had {result.others_share:.0%} of the cores",
            "end them, or measure later",
        )
    if (result.stolen_share or 0) > STOLEN_SHARE:
        yield MeasurementWarning(
            "stolen",
            f"other virtual machines had {result.stolen_share:.0%} of the cores",
            "measure on a dedicated machine, or compare only files that took turns",
        )
    yield from _of_the_battery(result.batteries)
    yield from _of_the_clock(result.states, result.affinity, environment, again)


def _of_the_battery(batteries: Sequence[Battery]) -> Iterator[MeasurementWarning]:
    hottest = max(batteries, key=lambda battery: battery.thermal_status or 0, default=None)
    if hottest and (hottest.thermal_status or 0) >= SLOWED_STATUS:
        yield MeasurementWarning(
            "throttled",
            f"the phone slowed itself down: thermal status {hottest.thermal_word}",
            "let it cool, out of its case, and do not charge it while measuring",
        )
    draining = [b.level_percent for b in batteries if b.charging == ""]
    lowest = min((level for level in draining if level is not None), default=None)
    if lowest is not None and lowest <= LOW_PERCENT:
        yield MeasurementWarning(
            "low-battery",
            f"the battery was at {lowest} % and not charging",
            "charge it first: a phone slows itself down to save what is left",
        )


def _of_the_clock(
    states: tuple[State, ...],
    affinity: Sequence[int],
    environment: Environment,
    again: Again | None,
) -> Iterator[MeasurementWarning]:
    governors = sorted({governor for state in states for governor in state.governors})
    if governors and governors != ["performance"]:
        yield MeasurementWarning(
            "governor",
            f"the frequency governor is {', '.join(governors)}",
            _governor_advice(environment, again),
        )
    flags = _flags_while_measuring([s.throttled for s in states if s.throttled is not None])
    hottest = max((s.temperature_c for s in states if s.temperature_c is not None), default=0.0)
    if flags:
        yield MeasurementWarning(
            "throttled",
            f"the board throttled itself (flags {flags:#x}, {hottest:.0f} °C)",
            "cool it, and give it a stronger power supply",
        )
    elif hottest >= HOT_C:
        yield MeasurementWarning(
            "hot", f"the processor was at {hottest:.0f} °C", "cool it, or let it rest"
        )
    lowest = _lowest_clock(states[1:], environment.max_khz, affinity)
    if lowest is not None and lowest < SLOWER_CLOCK:
        yield MeasurementWarning(
            "slow-clock",
            f"a core ran at {lowest:.0%} of its highest frequency",
            "let it cool, and compare only files that took turns"
            if _is_phone(environment)
            else "set the governor to performance; if it is, the processor is too hot",
        )


def _flags_while_measuring(told: Sequence[int]) -> int:
    """The flags that were set at any of these moments, or between the first and the last:
    the firmware is not asked while turns are taken."""
    flags = 0
    for one in told:
        flags |= one & THROTTLED_NOW
    since = (told[-1] & ~told[0]) >> SINCE_BOOT & THROTTLED_NOW if told else 0
    return flags | since


def _governor_advice(environment: Environment, again: Again | None) -> str:
    if environment.governor_settable and again:
        return f"run {again(governor='performance')}, which needs no password there"
    if _is_phone(environment):
        return (
            "a phone's cannot be set without root: compare only files that took turns; the record "
            "has the frequencies"
        )
    return (
        "for figures that can be repeated run there: echo performance | "
        "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    )


def _is_phone(environment: Environment) -> bool:
    return (environment.os or "").startswith("Android")


def _lowest_clock(
    states: tuple[State, ...], max_khz: tuple[int, ...], affinity: Sequence[int]
) -> float | None:
    """The slowest moment of the fastest core, as a share of its highest frequency; of the cores
    that were used, where these are known."""
    of_states = [
        [
            now / most
            for core, (now, most) in enumerate(zip(state.frequency_khz, max_khz, strict=False))
            if now and most and (core in affinity or not affinity)
        ]
        for state in states
    ]
    return min((max(shares) for shares in of_states if shares), default=None)
