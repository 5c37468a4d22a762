"""This machine as a device: every job in a child process of this Python."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from bench.devices.free_memory import free_memory_bytes
from bench.devices.runner_archive import ON_DEVICE, ROOT
from bench.devices.runner_process import RunnerProcess
from bench.devices.runner_python import RunnerPython
from bench.devices.running_jobs import RunningJobs
from bench.devices.settings import HOST
from bench.devices.transport.process import started
from bench.measurement.environment import Environment
from bench.measurement.job import NATIVE, Job
from bench.measurement.result import Result
from models.checked_json import parse
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

RUNNER = ON_DEVICE  # a folder that Python starts, as it starts the archive on a device
PACKAGES = (ROOT,)  # beside those of this Python
ENVIRONMENT_S = 60.0


class Host:
    """Runs jobs in child processes. ``time_limit_s`` replaces a job's own limit."""

    name = HOST

    def __init__(self, runner: Path = RUNNER, time_limit_s: float | None = None) -> None:
        self.runner = runner
        self.time_limit_s = time_limit_s
        self._running = RunningJobs()

    def environment(self) -> Environment:
        """Facts about this machine."""
        command = [*self._python, "--environment"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ENVIRONMENT_S, check=True
            )
            return Environment.from_dict(parse(done.stdout))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise DeviceError(f"{self.name} does not say what machine it is: {error}") from error

    def start(self, job: Job) -> RunnerProcess:
        """``job`` running: to be asked for turns, or just to be finished."""
        sent = replace(job, runtime=NATIVE.get(job.runtime, job.runtime))

        def start() -> subprocess.Popen:
            words = self._native if job.runtime in NATIVE else self._python
            return started([*words, "--parent", str(os.getpid())])

        unanswered = self._running.unanswered
        child = RunnerProcess(start, job, self.time_limit_s, sent=sent, unanswered=unanswered)
        return self._running.add(child)

    @property
    def _python(self) -> Sequence[str]:
        return RunnerPython((sys.executable,), PACKAGES).starting(self.runner)

    @cached_property
    def _native(self) -> Sequence[str]:
        return native_runner(lambda *_: None)

    def run(self, job: Job) -> Result:
        """The result of ``job``; however the child ends, that is a Result too."""
        with self.start(job) as child:
            return child.finish()

    def start_program(self, argv: Sequence[str]) -> subprocess.Popen:
        """Start another program, connected by pipes."""
        return started(argv)

    def free_memory_bytes(self) -> int | None:
        """Memory available without swapping; None where the system does not tell."""
        return free_memory_bytes()

    def stop(self) -> None:
        """End every child, and start no more; from any thread."""
        self._running.stop()


def native_runner(show: Report) -> tuple[str, ...]:
    """The words that start the native runner on this machine, which is built if need be.

    RequestError or DeviceError where it cannot be.
    """
    from bench.devices.native.bundle import bundle_for  # slow to import, and rarely needed

    bundle = bundle_for(HOST, show)
    return bundle.start_in(str(bundle.folder))
