"""The child process of one job: a runner that may crash, hang or print garbage."""

import contextlib
import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.devices.free_memory import limit_memory
from bench.measurement.job import Job
from bench.measurement.result import LOST, ConnectionLost, Result, sources_in
from models.checked_json import parse
from models.command_line.errors import DeviceError

MAX_LINE_BYTES = 256 * 2**20
READ_BYTES = 2**20
OFTEN_OUT_OF_MEMORY = ("SIGKILL", "SIGABRT")  # the names: Windows has no SIGKILL
MOST_TURNS = 10**6  # of no time at all
QUOTED_CHARACTERS = 160


@dataclass(frozen=True)
class RemoteEnd:
    """The runner on a device whose lines the child process only passes on.

    ``lost_codes``: exit codes of the child process where the connection to the runner broke;
    128 + n says that signal n ended the runner. ``end``: ends the runner.
    """

    lost_codes: tuple[int, ...]
    end: Callable[[], None]


class RunnerProcess:
    """The process of one job, spoken to in lines; however it ends, that is a Result.

    ``start`` starts a runner here, with ``started``, or what passes the lines of a ``remote`` one
    on. The runner is told ``sent``, where that is another job than the one the result is of: the
    same with the names of its own files. ``unanswered``, which others of the device share, names
    what it does not ask about the machine, and gets what did not answer it. A context manager:
    leaving it ends the process and what it started.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen],
        job: Job,
        time_limit_s: float | None = None,
        remote: RemoteEnd | None = None,
        sent: Job | None = None,
        unanswered: set[str] | None = None,
    ) -> None:
        self.job, self.result = job, None
        self._limit_s, self._remote = time_limit_s or job.allowance_s, remote
        self._unanswered = set() if unanswered is None else unanswered
        self._turns, self._has_enough, plan = 0, False, job.plan
        self._most_turns = MOST_TURNS
        if plan and plan.turn_s:  # the last may begin just ahead of the limit
            self._most_turns = math.ceil(plan.time_limit_s / plan.turn_s) + 1
        self._process, self._read, self._stderr = None, bytearray(), bytearray()
        try:
            self._process = start()
        except ConnectionLost as error:
            self._fail(LOST, str(error))
            return
        except (OSError, DeviceError) as error:
            self._fail("not_started", str(error))
            return
        if remote is None:
            limit_memory(self._process.pid)
        self._pipes = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            self._pipes.register(pipe, selectors.EVENT_READ)
        self._send(replace(sent or job, unasked=tuple(sorted(self._unanswered))).to_json())

    @property
    def pid(self) -> int | None:
        """Id of the process on this machine; None where it did not start."""
        return self._process.pid if self._process else None

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def is_ready(self) -> bool:
        """Wait until the runner has warmed up; False where there is a ``result`` instead."""
        return self._event("ready") is not None

    def turn(self) -> bool:
        """Take one turn; whether the runner has enough now. True where it failed."""
        if self.result is None and not self._has_enough and self._turns > self._most_turns:
            self._fail("timed_out", f"not enough after {self._turns} turns; ended it")
            self.end()
            return True
        self._send("turn")
        event = self._event("turn")
        self._turns += 1
        self._has_enough = event is None or bool(event.get("enough"))
        return self._has_enough

    def finish(self, heard: Callable[[dict], None] = lambda event: None) -> Result:
        """No more turns: the result. ``heard`` is told of each event before it."""
        if self.result is None:
            with contextlib.suppress(BrokenPipeError):  # its last words say why
                self._process.stdin.close()
            images = self.job.images
            left = len(images.shards) if images else 0
            while (event := self._event("classified")) is not None:
                left -= 1
                if left < 0:
                    self._fail("garbage", "classified more than it was given")
                    break
                heard(event)
        self.end()
        return self.result

    def end(self) -> None:
        """End the child and what it started, if it still runs: after a time limit or Ctrl-C.

        A Ctrl-C at the wrong instant leaves Popen's lock taken for good: the child then looks as
        if it ran, may be gone already, and an unlimited wait would never return.
        """
        if self._process is None:
            return
        if self._process.poll() is None:
            if self._remote:
                self._remote.end()
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._pipes.close()

    def kill(self) -> None:
        """Kill the process and what it started, from any thread: whoever waits for it goes on."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it ended; reading finds out how
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def _event(self, kind: str) -> dict | None:
        """The next line if it is such an event; None where it, or the end of the child, is a
        result."""
        if self.result is None:
            line = self._line()
            if self.result is None:
                return self._understood(line, kind)
        return None

    def _understood(self, line: str | None, kind: str) -> dict | None:
        try:
            message = parse(line or "")
            if isinstance(message, dict) and message.get("event") == kind:
                self._unanswered.update(sources_in(message))
                return message
            self.result = Result.from_dict(message, self.job)
            self._unanswered.update(self.result.unanswered)
        except ValueError as error:
            self._ended(line or "", str(error))
        return None

    def _line(self) -> str | None:
        """The next line of standard output, what is left at its end, or None with a result."""
        deadline, searched = time.monotonic() + self._limit_s, 0
        while True:
            end = self._read.find(b"\n", searched)
            if end >= 0:
                line = self._read[:end].decode(errors="replace")
                del self._read[: end + 1]
                return line
            searched = len(self._read)
            if len(self._read) > MAX_LINE_BYTES:
                self._fail("garbage", f"printed {len(self._read)} bytes, no result among them")
            elif time.monotonic() > deadline:
                self._fail("timed_out", f"no result within {self._limit_s:g} s; ended it")
            elif not self._receive(deadline - time.monotonic()):
                return self._read.decode(errors="replace")
            if self.result is not None:
                self.end()
                return None

    def _receive(self, timeout_s: float) -> bool:
        """Take what there is of both pipes; False at the end of standard output."""
        for key, _ in self._pipes.select(max(0.0, timeout_s)):
            found = os.read(key.fd, READ_BYTES)
            if not found:
                self._pipes.unregister(key.fileobj)
            if key.fileobj is self._process.stderr:
                self._stderr = (self._stderr + found)[-4096:]
            elif not found:
                return False
            else:
                self._read += found
        return True

    def _ended(self, text: str, reason: str) -> None:
        """The result of a child that wrote ``text`` where a result was expected."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        while self._process.stderr in [key.fileobj for key in self._pipes.get_map().values()]:
            if not self._pipes.select(0):
                break
            self._receive(0)
        lines = self._stderr.decode(errors="replace").strip().splitlines()
        last_words = f"; it last said: {_quoted(lines[-1])}" if lines else ""
        code, died_of = self._process.returncode, self._signal()
        if self._remote and code in self._remote.lost_codes:
            self._fail(LOST, f"the connection to the device broke{last_words}")
        elif died_of is not None:
            hint = " (often: out of memory)" if died_of.name in OFTEN_OUT_OF_MEMORY else ""
            self._fail("crashed", f"the runner died of {died_of.name}{hint}{last_words}")
        else:
            found = f"printed {_quoted(text)}" if text else "printed nothing"
            self._fail("garbage", f"exit code {code}, {found} ({_quoted(reason)}){last_words}")

    def _signal(self) -> signal.Signals | None:
        """The signal that ended the runner; None where none did, or that is not known."""
        code = self._process.returncode
        if self._remote:
            number = code - 128 if code is not None else 0
        else:
            number = -code if code is not None else 0
        return signal.Signals(number) if number in set(signal.Signals) else None

    def _fail(self, kind: str, message: str) -> None:
        self.result = Result.failed(self.job, kind, message)


def _quoted(text: str) -> str:
    return repr(text[:QUOTED_CHARACTERS])
