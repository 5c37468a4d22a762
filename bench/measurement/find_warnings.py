"""Every warning about a measurement."""

from collections.abc import Iterator, Sequence

from bench.measurement.cpu_quota import quota_warnings
from bench.measurement.environment import Environment
from bench.measurement.noisy_samples import sample_warnings
from bench.measurement.plan import Plan
from bench.measurement.result import Result
from bench.measurement.slowed_machine import machine_warnings
from bench.measurement.unanswered import unanswered_warnings
from bench.measurement.used_cores import core_warnings
from bench.measurement.warning import Again, MeasurementWarning

OUTSIDE_SHARE = 0.1  # of the operators


def find_warnings(
    result: Result,
    environment: Environment,
    plan: Plan,
    again: Again | None = None,
    cores: Sequence[int] = (),
) -> tuple[MeasurementWarning, ...]:
    """Every reason not to trust ``result``, which was timed by ``plan``; () for one that failed.

    ``again`` gives the command that measures the same with other variables; None where the command
    has no such variables. ``cores`` are those that were asked for; () for all.
    """
    if result.error or not result.samples_ns:
        return ()
    found = [
        *machine_warnings(result, environment, again),
        *core_warnings(result, again, cores),
        *quota_warnings(result, environment, again),
        *unanswered_warnings(result),
        *sample_warnings(result, plan, again),
    ]
    return (*found, *_of_the_delegate(result))


def _of_the_delegate(result: Result) -> Iterator[MeasurementWarning]:
    found = result.delegate
    if found is None or result.runtime == "litert-builtin":
        return
    outside = sum(found.outside.values())
    if outside > OUTSIDE_SHARE * (outside + found.inside):
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.outside.items())
        yield MeasurementWarning(
            "not-delegated",
            f"{outside} of {outside + found.inside} operators ran outside the delegate ({kinds})",
            "PROFILE=1 shows what they cost; LiteRT's delegate takes what this project exports",
        )
