"""The gate of speed-up: a file's ratio to float32, within one run."""

from collections.abc import Mapping

from bench.gates.float32_of import float32_of
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
    of_files = _of_files(records, limits)
    return [_verdict(name, at_least, records, again) for name, at_least in of_files.items()]


def inconclusive(records: Mapping[str, Record], limits: Limits) -> list[str]:
    """Files whose speed-up needs more samples, and the float32 files they are compared with."""
    of_files = _of_files(records, limits)
    found = [_verdict(name, limit, records) for name, limit in of_files.items()]
    names = [one.file for one in found if one.outcome == INCONCLUSIVE]
    names += apart(records, limits)
    return list(dict.fromkeys(each for name in names for each in (_float32(name, records), name)))


def _of_files(records: Mapping[str, Record], limits: Limits) -> dict[str, float]:
    """The limits by file. A file of somebody else's name is meant by its arithmetic and format:
    ``int8.tflite``."""
    found = {}
    for name, limit in limits.min_speedup.items():
        meant = [r.artifact for r in records.values() if f"{r.scheme}.{r.format}" == name]
        found |= dict.fromkeys([name] if name in records else meant or [name], limit)
    return found


def apart(records: Mapping[str, Record], limits: Limits) -> list[str]:
    """All files of a format, float32 as well, of which one took no turns with float32."""
    of = {name: _float32(name, records) for name in _of_files(records, limits) if name in records}
    named = [name for name in of if of[name] in records]
    of_format = {of[name] for name in named if not took_turns(records[name], records[of[name]])}
    return [*of_format, *(name for name in named if of[name] in of_format)]


def _float32(name: str, records: Mapping[str, Record]) -> str:
    """The name of the float32 file of the same format."""
    file_format = name.rsplit(".", 1)[1]
    found = float32_of(file_format, records)
    return found.artifact if found else f"{FLOAT32.name}.{file_format}"


def _verdict(name: str, at_least: float, records: Mapping[str, Record], again: str = "") -> Verdict:
    limit = f"at least {at_least:g} times"
    record = records.get(name)
    float32 = records.get(_float32(name, records))
    if record is None or float32 is None:
        missing = name if record is None else _float32(name, records)
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
