"""What all measurements of one command share, and how they become records."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.caveat import caveats
from bench.device import Device
from bench.environment import Environment
from bench.exported import Exported
from bench.job import Job
from bench.record import Record
from bench.result import Result
from bench.timing import Timing
from bench.variant import Variant
from models.options import Options

PROFILE_RUNS = 50


@dataclass(frozen=True)
class Bench:
    """All that the rows of one command share."""

    device: Device
    environment: Environment
    exported: Exported
    variants: Sequence[Variant]
    options: Options
    timing: Timing
    command: str
    session: str
    commit: str | None

    def job(self, variant: Variant) -> Job:
        artifact, threads = variant.artifact, self.options.threads
        plan, cores = self.timing.chosen_plan, self.timing.affinity
        path = self.exported.path(artifact)
        return Job(path, artifact.format, variant.runtime, threads, plan, affinity=cores)

    def profile_job(self, variant: Variant) -> Job:
        """The same, not timed but profiled."""
        return replace(self.job(variant), plan=None, profile_runs=PROFILE_RUNS)

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
            caveats=caveats(result, self.environment, plan),
            time_utc=time_utc,
        )
