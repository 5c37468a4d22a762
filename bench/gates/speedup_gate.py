"""The gate of speed-up: a file's ratio to float32, within one run."""

from collections.abc import Mapping

from bench.gates.limits import Limits
from bench.gates.next_steps import NextSteps
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, SKIPPED, Verdict
from bench.measurement.comparable import relative, took_turns
from bench.measurement.record import Record
from quantize.schemes.scheme import FLOAT32


def check(records: Mapping[str, Record], limits: Limits, next_steps: NextSteps) -> list[Verdict]:
    """One verdict for each file that gate.toml names; ``records`` of one run, by file name.

    Passes when the whole 95 % interval of the speed-up is at or above the limit, fails when all of
    it is below. Files that took no turns with float32 are inconclusive.
    """
    again = f"run {next_steps.thorough_gate}"
    return [
        _verdict(name, at_least, records, again) for name, at_least in limits.min_speedup.items()
    ]


def inconclusive(records: Mapping[str, Record], limits: Limits) -> list[str]:
    """Files whose speed-up needs more samples, and the float32 files they are compared with."""
    found = [_verdict(name, limit, records) for name, limit in limits.min_speedup.items()]
    names = [one.file for one in found if one.outcome == INCONCLUSIVE]
    names += apart(records, limits)
    return list(dict.fromkeys(each for name in names for each in (_float32(name), name)))


def apart(records: Mapping[str, Record], limits: Limits) -> list[str]:
    """All files of a format, float32 as well, of which one took no turns with float32."""
    named = [name for name in limits.min_speedup if name in records and _float32(name) in records]
    of_format = {
        _float32(name) for name in named if not took_turns(records[name], records[_float32(name)])
    }
    return [*of_format, *(name for name in named if _float32(name) in of_format)]


def _float32(name: str) -> str:
    return f"{FLOAT32.name}.{name.rsplit('.', 1)[1]}"


def _verdict(name: str, at_least: float, records: Mapping[str, Record], again: str = "") -> Verdict:
    limit = f"at least {at_least:g} times"
    record = records.get(name)
    float32 = records.get(_float32(name))
    if record is None or float32 is None:
        missing = name if record is None else _float32(name)
        return Verdict(
            gate="speed-up",
            file=name,
            runtime="",
            outcome=SKIPPED,
            limit=limit,
            detail=f"no {missing} was timed",
        )

    def verdict(outcome: str, detail: str, **further) -> Verdict:
        return Verdict.on(
            record, gate="speed-up", outcome=outcome, limit=limit, detail=detail, **further
        )

    if record.environment.emulated:
        return verdict(SKIPPED, "emulated: times mean nothing there")
    # float32's time over this file's: how many times as fast this file is.
    compared = relative(float32, record)
    if not compared.in_turns:
        why = f"took no turns with {float32.artifact}: memory did not hold both"
        return verdict(INCONCLUSIVE, why)
    ratio = compared.ratio
    outcome, detail, advice = INCONCLUSIVE, "the interval reaches across the limit", again
    if ratio.interval.low >= at_least:
        outcome, detail, advice = PASSED, "", ""
    elif ratio.interval.high < at_least:
        outcome, detail = FAILED, f"{name} is too slow compared with {float32.artifact}"
        advice = ""
    return verdict(
        outcome,
        detail,
        advice=advice,
        found=f"{ratio.value:.2f} times [{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]",
        figures={
            "speedup": ratio.value,
            "speedup_low": ratio.interval.low,
            "speedup_high": ratio.interval.high,
            "min_speedup": at_least,
        },
    )
