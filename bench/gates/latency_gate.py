"""The gate of latency: no slower than the baseline of the same device, beyond what is noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median

from bench.gates.baseline import Baseline
from bench.gates.limits import Limits
from bench.gates.next_steps import NextSteps
from bench.gates.noise import Noise
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, SKIPPED, Verdict
from bench.measurement.comparable import unlike
from bench.measurement.plan import Plan
from bench.measurement.record import Record

NS_PER_MS = 1e6


@dataclass(frozen=True)
class Compared:
    """``changes``: natural logarithms of a file's time over that of the reference, one a round (1
    or 3). The reference takes ``reference_ns``; ``noise`` is of one change between equals."""

    changes: Sequence[float]
    reference_ns: float
    noise: Noise

    @property
    def change(self) -> float:
        return median(self.changes)

    @property
    def slower_by_ms(self) -> float:
        return self.reference_ns * math.expm1(self.change) / NS_PER_MS


def looks_slower(compared: Compared, limits: Limits) -> bool:
    """True where one measurement gives reason for two more: half of the limits is exceeded."""
    allowed = math.log1p(limits.max_slowdown_percent / 100)
    return (
        compared.change > allowed / 2 and compared.slower_by_ms > limits.min_slowdown_ms / 2
    )  # fmt: skip


def is_slower(compared: Compared, limits: Limits) -> bool:
    """True where it is slower by more than the relative limit, the noise floor and the absolute
    limit."""
    allowed = math.log1p(limits.max_slowdown_percent / 100)
    floor = compared.noise.floor(len(compared.changes))
    return compared.change > max(allowed, floor) and compared.slower_by_ms > limits.min_slowdown_ms


def verdict_on(
    record: Record, compared: Compared, limits: Limits, next_steps: NextSteps
) -> Verdict:
    """The verdict on a file that was compared with the baseline."""
    floor_percent = 100 * math.expm1(compared.noise.floor(len(compared.changes)))
    change_percent = 100 * math.expm1(compared.change)
    reference_ms = compared.reference_ns / NS_PER_MS
    now_ms = reference_ms + compared.slower_by_ms
    whose = "the baseline's file" if limits.latency_reference == "file" else "the baseline"
    rounds = f", median of {n} rounds" if (n := len(compared.changes)) > 1 else ""
    detail = f"{now_ms:.3f} ms against {reference_ms:.3f} of {whose}{rounds}"
    advice = ""
    if floor_percent > limits.max_slowdown_percent:
        detail += "; noise hides smaller slowdowns"
        advice = f"run {next_steps.thorough_baseline} && {next_steps.thorough_gate}"
    return Verdict.on(
        record,
        gate="latency",
        outcome=FAILED if is_slower(compared, limits) else PASSED,
        found=f"{change_percent:+.1f}%",
        limit=f"at most +{max(limits.max_slowdown_percent, floor_percent):.1f}%",
        detail=detail,
        advice=advice,
        figures={
            "change_percent": change_percent,
            "now_ms": now_ms,
            "reference_ms": reference_ms,
            "max_slowdown_percent": limits.max_slowdown_percent,
            "min_slowdown_ms": limits.min_slowdown_ms,
            "noise_floor_percent": floor_percent,
            "rounds": len(compared.changes),
        },
    )


def unchanged(record: Record, baseline: Baseline) -> Verdict:
    """The verdict on a file that is the baseline's own: its time depends on the machine alone."""
    now_ms = median(record.result.samples_ns) / NS_PER_MS
    then_ms = median(baseline.medians_ns) / NS_PER_MS
    return Verdict.on(
        record,
        gate="latency",
        outcome=PASSED,
        found="unchanged",
        detail=f"the baseline's file; {now_ms:.3f} ms now, {then_ms:.3f} then",
        figures={"now_ms": now_ms, "then_ms": then_ms},
    )


def not_comparable(
    record: Record, baseline: Baseline | None, next_steps: NextSteps
) -> Verdict | None:
    """The verdict on a file that nothing can be compared with; None where it can."""

    def verdict(outcome: str, detail: str, advice: str = "") -> Verdict:
        return Verdict.on(record, gate="latency", outcome=outcome, detail=detail, advice=advice)

    again = f"run {next_steps.baseline}"

    if record.environment.emulated:
        return verdict(SKIPPED, "emulated: times mean nothing there")
    if baseline is None:
        return verdict(SKIPPED, f"no baseline of it on {record.device}", again)
    different = differing(record, baseline.record)
    if different:
        return verdict(INCONCLUSIVE, f"refused: {'; '.join(different)}", again)
    return None


def no_older_file(record: Record, baseline: Baseline, next_steps: NextSteps) -> Verdict:
    """The verdict on a file whose predecessor, the baseline's, is not there to be timed again."""
    return Verdict.on(
        record,
        gate="latency",
        outcome=INCONCLUSIVE,
        detail=f"{baseline.kept_file} is gone",
        advice='write reference = "times" under [latency] in gate.toml, or export the older files '
        f"and run {next_steps.baseline}",
    )


def differing(now: Record, then: Record) -> list[str]:
    """The reasons that make the times of two measurements incomparable, with both values."""
    pairs = dict(unlike(then, now))
    for field in fields(Plan):
        values = getattr(then.plan, field.name), getattr(now.plan, field.name)
        if values[0] != values[1]:
            pairs[f"plan's {field.name}"] = values
    return [f"{name} was {before} and is {after}" for name, (before, after) in pairs.items()]
