"""This machine as a device: every job in a child process that may crash, hang or print garbage."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.environment import Environment, read_environment
from bench.job import Job, Result

RUNNER = Path(__file__).parent / "runner.py"
MAX_OUTPUT_BYTES = 64 * 2**20
QUOTED_CHARACTERS = 160


class Host:
    """Runs jobs in child processes of this Python. ``time_limit_s`` replaces a job's own limit."""

    name = "host"

    def __init__(self, runner: Path = RUNNER, time_limit_s: float | None = None) -> None:
        self.runner = runner
        self.time_limit_s = time_limit_s

    def environment(self) -> Environment:
        """What this machine is and how busy, at this moment."""
        return read_environment()

    def run(self, job: Job) -> Result:
        """The result of ``job``; however the child ends, that is a Result too."""
        limit_s = self.time_limit_s or job.allowance_s
        # Files and not pipes: a runner that prints without end must not fill this process.
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            try:
                process = subprocess.Popen(
                    [sys.executable, str(self.runner)],
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                return Result.failed(job, "not_started", str(error))
            try:
                process.communicate(job.to_json().encode(), timeout=limit_s)
            except subprocess.TimeoutExpired:
                return Result.failed(job, "timed_out", f"no result within {limit_s:g} s; ended it")
            finally:
                _end(process)
            return _read_result(job, process.returncode, stdout, stderr)


def _end(process: subprocess.Popen) -> None:
    """End the child and what it started, if it still runs: after a time limit or Ctrl-C.

    A Ctrl-C at the wrong instant leaves Popen's lock taken for good: the child then looks as if it
    ran, may be gone already, and an unlimited wait would never return.
    """
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def _read_result(job: Job, returncode: int, stdout, stderr) -> Result:
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 4096))
    lines = stderr.read().decode(errors="replace").strip().splitlines()
    last_words = f"; it last said: {_quoted(lines[-1])}" if lines else ""
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = " (often: out of memory)" if -returncode == signal.SIGKILL else ""
        return Result.failed(job, "crashed", f"the runner died of {name}{hint}{last_words}")
    stdout.seek(0)
    text = stdout.read(MAX_OUTPUT_BYTES).decode(errors="replace")
    try:
        return Result.from_json(text, job)
    except (ValueError, RecursionError) as error:
        found = f"printed {_quoted(text)}" if text else "printed nothing"
        return Result.failed(
            job, "garbage", f"exit code {returncode}, {found} ({_quoted(str(error))}){last_words}"
        )


def _quoted(text: str) -> str:
    return repr(text[:QUOTED_CHARACTERS])
