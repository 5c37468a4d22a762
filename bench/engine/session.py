"""A session (what all measurements of one command share) and its part on each device."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from bench.devices.device import Device, stop_all
from bench.devices.in_parallel import in_parallel
from bench.engine.exported import Exported
from bench.engine.measure_options import MeasureOptions
from bench.engine.variant import Variant
from bench.measurement.cpu_quota import quota_advice, too_small_quota
from bench.measurement.environment import Environment
from bench.measurement.find_warnings import find_warnings
from bench.measurement.job import Job
from bench.measurement.record import Record, new_session
from bench.measurement.result import Result
from bench.measurement.warning import Again
from models.command_line.advice import make_line
from models.command_line.errors import DeviceError
from models.command_line.options import Options
from models.command_line.progress import note

PROFILE_RUNS = 50
DEVICE_FAILED = "device_failed"
GIT_S = 30
NO_COMMIT = ("not a git repository", "HEAD")  # what git says where there is none
SAFE = "git config --global --add safe.directory"
T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """The files, options and command that all devices share.

    ``target`` is the make target of the command, ``given`` its variables that are not in
    ``options``. ``id`` is a name that no other session has; ``commit`` the git commit of the folder
    the command ran in.
    """

    target: str
    exported: Exported
    options: Options
    measure: MeasureOptions
    given: Mapping[str, object]
    command: str
    id: str = field(default_factory=new_session)
    commit: str | None = field(default_factory=lambda: _commit())

    def make_line(self, target: str | None = None, **variables: object) -> str:
        """The command that measures the same again, or runs ``target`` with the same variables, but
        for ``variables``."""
        return make_line(target or self.target, self.options, **{**self.given, **variables})


@dataclass(frozen=True)
class DeviceRun:
    """The rows of a session on one device: a job for each variant, and the record of its result.

    ``title`` is the line above the device's tables; empty where the first line of the output says
    which machine it is.
    """

    session: Session
    device: Device
    environment: Environment
    variants: Sequence[Variant]
    title: str = ""

    @property
    def notes(self) -> list[str]:
        """Sentences on what makes its times doubtful and is known before any is measured."""
        short = too_small_quota(self.environment, self.session.options.threads)
        if short is None:
            return []
        return [f"{self.device.name}: {short}; {quota_advice(self.environment, self._again)}"]

    @property
    def _again(self) -> Again | None:
        # A gate with another plan would need another baseline.
        return self.session.make_line if self.session.target == "bench" else None

    def job(self, variant: Variant) -> Job:
        """The timing of ``variant`` by the session's plan."""
        artifact, measure = variant.artifact, self.session.measure
        return Job(
            self.session.exported.path(artifact),
            artifact.format,
            variant.runtime,
            self.session.options.threads,
            measure.chosen_plan,
            affinity=measure.affinity,
        )

    def profile_job(self, variant: Variant) -> Job:
        """The same, not timed but profiled."""
        return replace(self.job(variant), plan=None, profile_runs=PROFILE_RUNS)

    def result_of(self, job: Job) -> Result:
        """The result of ``job``; where the device itself fails, that is a Result too."""
        try:
            return self.device.run(job)
        except DeviceError as error:
            return Result.failed(job, DEVICE_FAILED, str(error))

    def record(self, kind: str, variant: Variant, result: Result, time_utc: str) -> Record:
        """The record of ``result``, without accuracy and without an id."""
        session, artifact = self.session, variant.artifact
        plan = session.measure.chosen_plan
        return Record(
            kind=kind,
            session=session.id,
            command=session.command,
            commit=session.commit,
            device=self.device.name,
            model_id=session.exported.manifest.model_id,
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
            warnings=find_warnings(
                result, self.environment, plan, self._again, session.measure.affinity or ()
            ),
            time_utc=time_utc,
        )


def on_each(
    runs: Sequence[DeviceRun], work: Callable[[DeviceRun], Iterable[T]]
) -> AbstractContextManager[Iterator[tuple[DeviceRun, T]]]:
    """Results of ``work`` for each, all devices at the same time, as ``in_parallel`` gives them."""
    devices = [run.device for run in runs]
    return in_parallel([(run, work(run)) for run in runs], partial(stop_all, devices))


def _commit() -> str | None:
    """The commit of the folder this process is in, with "+" where tracked files had changed.

    None outside a repository, or where git is not installed; a note says where git does not tell.
    """
    command = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=GIT_S, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        note(f"the commit is not recorded: {error}")
        return None
    if done.returncode == 0:
        return done.stdout.decode(errors="backslashreplace").strip() or None
    said = done.stderr.decode(errors="backslashreplace").strip()
    if not any(reason in said for reason in NO_COMMIT):
        advice = next((line.strip() for line in said.splitlines() if SAFE in line), "")
        why = said.partition("\n")[0] or f"git ended with code {done.returncode}"
        line = why + (f"; to trust it, run {advice}" if advice else "")
        note(f"the commit is not recorded: {line}")
    return None
