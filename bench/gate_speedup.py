"""The gate of ratios: how many times as fast as float32 a file must be, within one run."""

from collections.abc import Mapping

from bench.gate_row import CANNOT_TELL, FAILED, PASSED, SKIPPED, Row
from bench.record import Record
from bench.statistics import ratio
from quantize.limits import Limits


def check(records: Mapping[str, Record], limits: Limits) -> list[Row]:
    """One row for each file that gate.toml names; ``records`` of one run, by file name.

    Passes when the whole 95 % interval of the speed-up is at or above the limit, fails when all of
    it is below.
    """
    return [_row(name, at_least, records) for name, at_least in limits.min_speedup.items()]


def _row(name: str, at_least: float, records: Mapping[str, Record]) -> Row:
    limit = f"at least {at_least:g} times"
    record = records.get(name)
    float32 = records.get("float32." + name.rsplit(".", 1)[1])
    if record is None or float32 is None:
        missing = name if record is None else f"float32.{name.rsplit('.', 1)[1]}"
        return Row("speed-up", name, "", SKIPPED, limit=limit, detail=f"no {missing} was timed")
    runtime = record.result.runtime
    if record.environment.emulated:
        detail = "emulated: times mean nothing there"
        return Row("speed-up", name, runtime, SKIPPED, limit=limit, detail=detail)
    # float32's time over this file's: how many times as fast this file is.
    found = ratio(float32.result, record.result)
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
