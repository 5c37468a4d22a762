"""What all measurements of one command share, and how they become records."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from bench.devices.device import Device, stop_all
from bench.devices.in_parallel import in_parallel
from bench.engine.exported import Exported
from bench.engine.measure_options import Timing
from bench.engine.variant import Variant
from bench.measurement.environment import Environment
from bench.measurement.job import Job
from bench.measurement.record import Record
from bench.measurement.result import Result
from bench.measurement.warning import find_warnings
from models.command_line.errors import DeviceError
from models.command_line.options import Options

PROFILE_RUNS = 50
DEVICE_FAILED = "device_failed"
T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """All that the rows of one command on one device share. ``title`` says what machine it is, for
    above its tables; empty where the first line of the output does."""

    device: Device
    environment: Environment
    exported: Exported
    variants: Sequence[Variant]
    options: Options
    timing: Timing
    command: str
    session: str
    commit: str | None
    title: str = ""

    def job(self, variant: Variant) -> Job:
        artifact, threads = variant.artifact, self.options.threads
        plan, cores = self.timing.chosen_plan, self.timing.affinity
        path = self.exported.path(artifact)
        return Job(path, artifact.format, variant.runtime, threads, plan, affinity=cores)

    def profile_job(self, variant: Variant) -> Job:
        """The same, not timed but profiled."""
        return replace(self.job(variant), plan=None, profile_runs=PROFILE_RUNS)

    def run(self, job: Job) -> Result:
        """The result of ``job``; where the device itself fails, that is a Result too."""
        try:
            return self.device.run(job)
        except DeviceError as error:
            return Result.failed(job, DEVICE_FAILED, str(error))

    def record(self, kind: str, variant: Variant, result: Result, time_utc: str) -> Record:
        artifact, plan = variant.artifact, self.timing.chosen_plan
        return Record(
            kind=kind,
            session=self.session,
            command=self.command,
            commit=self.commit,
            device=self.device.name,
            model_id=self.exported.manifest.model_id,
            artifact=artifact.name,
            artifact_sha256=artifact.sha256,
            artifact_bytes=artifact.bytes,
            format=artifact.format,
            scheme=artifact.scheme,
            plan=plan,
            result=result,
            data=None,
            accuracy=None,
            environment=self.environment,
            warnings=find_warnings(result, self.environment, plan),
            time_utc=time_utc,
        )


def on_each(
    benches: Sequence[Bench], work: Callable[[Bench], Iterable[T]]
) -> AbstractContextManager[Iterator[tuple[Bench, T]]]:
    """What ``work`` yields for each, all devices at the same time; ``in_parallel`` says how."""
    devices = [bench.device for bench in benches]
    return in_parallel([(b, work(b)) for b in benches], partial(stop_all, devices))
