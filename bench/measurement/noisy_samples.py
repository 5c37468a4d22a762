"""Warnings about samples: noisy, drifting, too few for the precision asked for, not warmed up."""

from collections.abc import Iterator

import numpy as np

from bench.measurement.cpu_quota import RAISE_QUOTA, held_back
from bench.measurement.latency import latency
from bench.measurement.plan import Plan
from bench.measurement.result import Result
from bench.measurement.warning import Again, MeasurementWarning

DRIFT_SHARE = 0.1  # between the first and the last third of the turns
SPREAD = 0.1  # median absolute deviation over median
QUIET = "measure on a quiet machine"
ALONE = f"something else ran beside the first ones: {QUIET}"
COOLER = "let the device cool down, and use SUSTAINED to see its sustained speed"


def sample_warnings(
    result: Result, plan: Plan, again: Again | None
) -> Iterator[MeasurementWarning]:
    """The reasons that the samples give, however quiet the machine says it was."""
    longer = f"run {again(plan='thorough')}" if again else QUIET
    quiet, cooler, alone = QUIET, COOLER, ALONE
    if held_back(result):  # neither rest nor cold gives it more processor time
        longer = quiet = cooler = alone = RAISE_QUOTA
    if result.warmup_stable is False:
        yield MeasurementWarning(
            "cold",
            f"still getting faster after {result.warmup_runs} warm-up inferences",
            longer,
        )
    warm = latency(result.samples_ns, result.turns)
    if plan.precision and (len(result.turns) < 2 or warm.precision > plan.precision):
        yield MeasurementWarning(
            "few-samples",
            f"the median is known to ±{warm.precision:.1%} only, of {warm.n} samples; "
            f"{plan.precision:.0%} were requested",
            longer,
        )
    if warm.mad_ns > SPREAD * warm.median_ns:
        yield MeasurementWarning(
            "noisy",
            f"half of the samples are more than {warm.mad_ns / warm.median_ns:.0%} off the median",
            quiet,
        )
    early, late = _thirds(result)
    if early and abs(late / early - 1) > DRIFT_SHARE:
        yield MeasurementWarning(
            "drifting",
            f"the last third of the turns took {late / early:.2f} times as long as the first",
            cooler if late > early else alone,
        )


def _thirds(result: Result) -> tuple[float, float]:
    """The medians of the first and of the last third of the turns; 0 of fewer than six turns."""
    turns = len(result.turns)
    if turns < 6:
        return 0.0, 0.0
    counts = [turn.samples for turn in result.turns]
    early, late = sum(counts[: turns // 3]), sum(counts[-(turns // 3) :])
    return float(np.median(result.samples_ns[:early])), float(np.median(result.samples_ns[-late:]))
