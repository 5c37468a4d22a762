"""The gate of ratios: how many times as fast as float32 a file must be, within one run."""

from collections.abc import Mapping

from bench.gates.verdict import CANNOT_TELL, FAILED, PASSED, SKIPPED, Row
from bench.measurement.comparable import relative, took_turns
from bench.measurement.record import Record
from quantize.methods.limits import Limits
from quantize.schemes.scheme import FLOAT32


def check(records: Mapping[str, Record], limits: Limits) -> list[Row]:
    """One row for each file that gate.toml names; ``records`` of one run, by file name.

    Passes when the whole 95 % interval of the speed-up is at or above the limit, fails when all of
    it is below. Files that took no turns with float32 cannot tell.
    """
    return [_row(name, at_least, records) for name, at_least in limits.min_speedup.items()]


def undecided(records: Mapping[str, Record], limits: Limits) -> list[str]:
    """Files whose speed-up needs more samples, and the float32 files they are held against."""
    names = [row.file for row in check(records, limits) if row.verdict == CANNOT_TELL]
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


def _row(name: str, at_least: float, records: Mapping[str, Record]) -> Row:
    limit = f"at least {at_least:g} times"
    record = records.get(name)
    float32 = records.get(_float32(name))
    if record is None or float32 is None:
        missing = name if record is None else _float32(name)
        return Row("speed-up", name, "", SKIPPED, limit=limit, detail=f"no {missing} was timed")
    runtime = record.result.runtime
    if record.environment.emulated:
        detail = "emulated: times mean nothing there"
        return Row("speed-up", name, runtime, SKIPPED, limit=limit, detail=detail)
    # float32's time over this file's: how many times as fast this file is.
    compared = relative(float32, record)
    if not compared.in_turns:
        detail = f"took no turns with {float32.artifact}: memory did not hold both"
        return Row("speed-up", name, runtime, CANNOT_TELL, limit=limit, detail=detail)
    found = compared.ratio
    verdict, detail = CANNOT_TELL, "the interval reaches across the limit; type --plan thorough"
    if found.interval.low >= at_least:
        verdict, detail = PASSED, ""
    elif found.interval.high < at_least:
        verdict, detail = FAILED, f"{name} is too slow beside {float32.artifact}"
    return Row(
        "speed-up",
        name,
        runtime,
        verdict,
        f"{found.value:.2f} times [{found.interval.low:.2f}, {found.interval.high:.2f}]",
        limit,
        detail,
        {
            "speedup": found.value,
            "speedup_low": found.interval.low,
            "speedup_high": found.interval.high,
            "min_speedup": at_least,
        },
    )
