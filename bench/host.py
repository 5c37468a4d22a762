"""This machine as a device: every job in a child process of this Python."""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.at_work import AtWork
from bench.child import Child, free_memory_bytes, started
from bench.devices import HOST
from bench.environment import Environment
from bench.job import Job
from bench.result import Result
from models.errors import DeviceError

RUNNER = Path(__file__).parent / "runner.py"
ENVIRONMENT_S = 60.0


class Host:
    """Runs jobs in child processes. ``time_limit_s`` replaces a job's own limit."""

    name = HOST

    def __init__(self, runner: Path = RUNNER, time_limit_s: float | None = None) -> None:
        self.runner = runner
        self.time_limit_s = time_limit_s
        self._at_work = AtWork()

    def environment(self) -> Environment:
        """What this machine is."""
        command = [sys.executable, str(self.runner), "--environment"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ENVIRONMENT_S, check=True
            )
            return Environment.from_dict(json.loads(done.stdout))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise DeviceError(f"{self.name} does not say what machine it is: {error}") from error

    def start(self, job: Job) -> Child:
        """``job`` at work: to be asked for turns, or just to be finished."""
        command = [sys.executable, str(self.runner)]
        return self._at_work.add(Child(partial(started, command), job, self.time_limit_s))

    def run(self, job: Job) -> Result:
        """The result of ``job``; however the child ends, that is a Result too."""
        with self.start(job) as child:
            return child.finish()

    def start_program(self, argv: Sequence[str]) -> subprocess.Popen:
        """Another program, its pipes ours."""
        return started(argv)

    def free_memory_bytes(self) -> int | None:
        """What could be had now without swapping; None where the system does not tell."""
        return free_memory_bytes()

    def stop(self) -> None:
        """End every child, and start no more; from any thread."""
        self._at_work.stop()
