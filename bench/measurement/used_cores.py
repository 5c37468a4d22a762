"""Warnings about the cores that a file ran on: not those asked for, or fewer than threads."""

from collections.abc import Iterator, Sequence

from bench.measurement.result import Result
from bench.measurement.warning import Again, MeasurementWarning


def core_warnings(
    result: Result, again: Again | None, asked: Sequence[int]
) -> Iterator[MeasurementWarning]:
    """``asked`` are the cores that were asked for; () for all."""
    missing = sorted({*asked} - {*result.affinity})
    if result.affinity and missing:
        switch = f"/sys/devices/system/cpu/cpu{missing[0]}/online"
        yield MeasurementWarning(
            "other-cores",
            f"it did not run on {_listed(missing)} of CORES={_joined(asked)}, which is off or not "
            f"allowed, only on {_listed(result.affinity)}",
            f"switch it on there (echo 1 | sudo tee {switch}), or leave it out of CORES",
        )
    cores = len(result.affinity)
    if cores and cores < (result.threads or 1):
        yield MeasurementWarning(
            "few-cores",
            f"{result.threads} threads on {cores} cores",
            f"run {again(threads=cores)}" if again else f"use THREADS={cores}",
        )


def _listed(cores: Sequence[int]) -> str:
    return f"core{'s' if len(cores) > 1 else ''} {_joined(cores)}"


def _joined(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores))
