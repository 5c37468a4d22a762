"""Files and probes measured on one device: all timed in turns, then the files' operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Generic, Protocol, TypeVar

from bench.cost import probe
from bench.cost.probe import Probe
from bench.cost.roofline import Roofline
from bench.devices.device import Device
from bench.engine.turns import in_turns
from bench.measurement.environment import Environment
from bench.measurement.find_warnings import find_warnings
from bench.measurement.job import Job
from bench.measurement.plan import Plan
from bench.measurement.result import OpTime, Result, RunFailed
from models.command_line.errors import RequestError
from models.command_line.progress import step

RUNTIME = "litert"
PROFILE_ROUNDS, PROFILE_RUNS = 4, 15


class Titled(Protocol):
    """A key that says what it is the key of."""

    @property
    def title(self) -> str: ...


K = TypeVar("K", bound=Titled)


@dataclass(frozen=True)
class Measured(Generic[K]):
    """``results`` of each file as timed in turns, ``profiles`` what each of its operators takes
    (empty where ``unprofiled`` says why), ``roofline`` of the device at the same time.
    ``warnings``: reasons not to trust any of it."""

    roofline: Roofline
    results: dict[K, Result]
    profiles: dict[K, tuple[OpTime, ...]]
    unprofiled: dict[K, str]
    warnings: tuple[str, ...]


def refuse_emulated(device: str, environment: Environment) -> None:
    """RequestError where times mean nothing."""
    if environment.emulated:
        raise RequestError(
            f"DEVICE={device} is emulated: its times mean nothing, so nothing is predicted from "
            "them; use a device that is not emulated"
        )


def measure_roofline(
    device: Device, environment: Environment, threads: int, plan: Plan
) -> Roofline:
    """The roofline of ``device``; RunFailed where a probe does not run."""
    return measure(device, environment, {}, threads, plan).roofline


def measure(
    device: Device, environment: Environment, files: Mapping[K, Path], threads: int, plan: Plan
) -> Measured[K]:
    """The .tflite ``files`` in LiteRT; RunFailed where one of them, or a probe, does not run."""
    with probe.written() as probes:
        paths: dict[Probe | K, Path] = {**probes, **files}
        jobs = {key: Job(path, "tflite", RUNTIME, threads, plan) for key, path in paths.items()}
        with step("timing") as show:
            timed = in_turns(device, jobs, show)
    of_files = {key: timed[key] for key in files}
    for key, result in of_files.items():
        if result.error:
            raise RunFailed(f"{key.title} on {device.name}: {result.error}")
    probed = {key: timed[key] for key in probes}
    roofline = probe.roofline(device.name, threads, probed, environment, plan)
    profiles, unprofiled = _profiled(device, {key: jobs[key] for key in files})
    warnings = {key.title: find_warnings(of_files[key], environment, plan) for key in files}
    return Measured(roofline, of_files, profiles, unprofiled, probe.summed_up(warnings))


def _profiled(
    device: Device, jobs: Mapping[K, Job]
) -> tuple[dict[K, tuple[OpTime, ...]], dict[K, str]]:
    """In rounds there and back, so that what slows the machine down for a while hits all alike."""
    rounds: dict[K, list[tuple[OpTime, ...]]] = {key: [] for key in jobs}
    failed: dict[K, str] = {}
    for number in range(PROFILE_ROUNDS if jobs else 0):
        with step(f"operators, round {number + 1} of {PROFILE_ROUNDS}"):
            for key in list(jobs) if number % 2 else reversed(list(jobs)):
                result = device.run(replace(jobs[key], plan=None, profile_runs=PROFILE_RUNS))
                rounds[key].append(result.profile)
                if result.error:
                    failed[key] = str(result.error)
    return {key: () if key in failed else middle(rounds[key]) for key in jobs}, failed


def middle(rounds: Sequence[tuple[OpTime, ...]]) -> tuple[OpTime, ...]:
    """Each operator with the median of its times over ``rounds``, in which all are the same."""
    return tuple(
        replace(operator[0], mean_ns=median(each.mean_ns for each in operator))
        for operator in zip(*rounds, strict=True)
    )
