"""Warnings about a CPU quota: one that stopped the runner, or is smaller than its threads."""

from collections.abc import Iterator

from bench.measurement.environment import Environment
from bench.measurement.result import Result
from bench.measurement.warning import Again, MeasurementWarning

RAISE_QUOTA = (
    "raise the CPU quota (docker run --cpus, CPUQuota= of systemd, limits.cpu of Kubernetes)"
)


def held_back(result: Result) -> bool:
    """True where a quota stopped the runner during its turns."""
    return result.cpu_quota is not None and result.cpu_quota.throttled_ns > 0


def quota_warnings(
    result: Result, environment: Environment, again: Again | None
) -> Iterator[MeasurementWarning]:
    """At most one: what happened weighs more than what might."""
    quota = result.cpu_quota
    if quota and held_back(result):
        yield MeasurementWarning(
            "quota",
            f"the CPU quota of {quota.cores:g} cores ({quota.file}) stopped it in "
            f"{quota.throttled_periods} periods, for {quota.throttled_ns / 1e9:.2f} s of all cores",
            RAISE_QUOTA,
        )
        return
    short = too_small_quota(environment, result.threads or 1)
    if short:
        yield MeasurementWarning("quota", short, quota_advice(environment, again))


def too_small_quota(environment: Environment, threads: int) -> str | None:
    """A sentence on a quota that so many threads use up; None where they do not."""
    cores = environment.cpu_quota_cores
    if cores is None or cores >= threads:
        return None
    return f"{threads} threads with a CPU quota of {cores:g} cores"


def quota_advice(environment: Environment, again: Again | None) -> str:
    """Fewer threads, where a whole core is left; a larger quota in any case."""
    whole = int(environment.cpu_quota_cores or 0)
    if not whole:
        return RAISE_QUOTA
    fewer = f"run {again(threads=whole)}" if again else f"use THREADS={whole}"
    return f"{RAISE_QUOTA}, or {fewer}"
