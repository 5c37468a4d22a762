"""A runner at work behind a child process, which may crash, hang or print garbage."""

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.devices.transport.transport import ConnectionLost
from bench.measurement.job import Job
from bench.measurement.result import Result
from models.command_line.errors import DeviceError

MAX_LINE_BYTES = 256 * 2**20
READ_BYTES = 2**20
OFTEN_OUT_OF_MEMORY = (signal.SIGKILL, signal.SIGABRT)
EVENTS = ("ready", "turn", "classified")
QUOTED_CHARACTERS = 160
MIN_MEMORY_BYTES = 2**29


@dataclass(frozen=True)
class Far:
    """What is different where the child process only passes on what a runner far away says.

    ``lost_codes``: its exit codes where the line to the runner
    broke; 128 + n says that signal n ended the runner. ``end``: ends the runner.
    """

    lost_codes: tuple[int, ...]
    end: Callable[[], None]


class Child:
    """The process of one job, spoken to in lines; however it ends, that is a Result.

    ``start`` starts a runner here, with ``started``, or what passes the lines of one that is
    ``far`` on. The runner is told ``sent``, where that is another job than the one the result is
    of: the same with names that it knows. A context manager: leaving it ends the process and what
    it started.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen],
        job: Job,
        time_limit_s: float | None = None,
        far: Far | None = None,
        sent: Job | None = None,
    ) -> None:
        self.job, self.result = job, None
        self._limit_s, self._far = time_limit_s or job.allowance_s, far
        self._process, self._read, self._stderr = None, bytearray(), bytearray()
        try:
            self._process = start()
        except ConnectionLost as error:
            self._fail("connection_lost", str(error))
            return
        except (OSError, DeviceError) as error:
            self._fail("not_started", str(error))
            return
        if far is None:
            _limit_memory(self._process.pid)
        self._pipes = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            self._pipes.register(pipe, selectors.EVENT_READ)
        self._send((sent or job).to_json())

    @property
    def pid(self) -> int | None:
        """Of the process on this machine; None where it did not start."""
        return self._process.pid if self._process else None

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def is_ready(self) -> bool:
        """Wait until the runner has warmed up; False where there is a ``result`` instead."""
        return self._event() is not None

    def turn(self) -> bool:
        """Take one turn; whether the runner has enough now. True where it failed."""
        self._send("turn")
        event = self._event()
        return event is None or bool(event.get("enough"))

    def finish(self, heard: Callable[[dict], None] = lambda event: None) -> Result:
        """No more turns: the result. ``heard`` is told of each event before it."""
        if self.result is None:
            with contextlib.suppress(BrokenPipeError):  # its last words say why
                self._process.stdin.close()
            while (event := self._event()) is not None:
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
            if self._far:
                self._far.end()
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

    def _event(self) -> dict | None:
        """The next line if it is an event; None where it, or the end of the child, is a result."""
        if self.result is None:
            line = self._line()
            if self.result is None:
                return self._understood(line)
        return None

    def _understood(self, line: str | None) -> dict | None:
        try:
            said = json.loads(line or "")
            if isinstance(said, dict) and said.get("event") in EVENTS:
                return said
            self.result = Result.from_dict(said, self.job)
        except (ValueError, RecursionError, AttributeError) as error:
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
        """The result of a child that said ``text`` where a result was expected."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        while self._process.stderr in [key.fileobj for key in self._pipes.get_map().values()]:
            if not self._pipes.select(0):
                break
            self._receive(0)
        lines = self._stderr.decode(errors="replace").strip().splitlines()
        last_words = f"; it last said: {_quoted(lines[-1])}" if lines else ""
        code, died_of = self._process.returncode, self._signal()
        if self._far and code in self._far.lost_codes:
            self._fail("connection_lost", f"the line to the device broke{last_words}")
        elif died_of is not None:
            hint = " (often: out of memory)" if died_of in OFTEN_OUT_OF_MEMORY else ""
            self._fail("crashed", f"the runner died of {died_of.name}{hint}{last_words}")
        else:
            found = f"printed {_quoted(text)}" if text else "printed nothing"
            self._fail("garbage", f"exit code {code}, {found} ({_quoted(reason)}){last_words}")

    def _signal(self) -> signal.Signals | None:
        """What the runner died of; None where it ended by itself, or is not known to have ended."""
        code = self._process.returncode
        if self._far:
            number = code - 128 if code is not None else 0
        else:
            number = -code if code is not None else 0
        return signal.Signals(number) if number in set(signal.Signals) else None

    def _fail(self, kind: str, message: str) -> None:
        self.result = Result.failed(self.job, kind, message)


def started(
    argv: Sequence[str], kind: type[subprocess.Popen] = subprocess.Popen
) -> subprocess.Popen:
    """A process that lines are exchanged with, in a session of its own."""
    return kind(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _limit_memory(pid: int) -> None:
    """Let the child have what is free now, so that one that eats memory takes nobody else's."""
    free = free_memory_bytes()
    if free is not None and hasattr(resource, "prlimit"):
        limit = max(MIN_MEMORY_BYTES, free * 9 // 10)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
            # What it starts from now on inherits that; the native runner may have begun to.
            for begun in children(pid):
                resource.prlimit(begun, resource.RLIMIT_DATA, (limit, limit))


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started; [] where the system does not tell."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def free_memory_bytes() -> int | None:
    """What could be had now without swapping; None where the system does not tell."""
    meminfo = Path("/proc/meminfo")
    return available_bytes(meminfo.read_text()) if meminfo.is_file() else None


def available_bytes(meminfo: str) -> int | None:
    """What Linux's /proc/meminfo says could be had without swapping; None where it does not."""
    lines = meminfo.splitlines()
    kib = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kib[0]) * 1024 if kib else None


def _quoted(text: str) -> str:
    return repr(text[:QUOTED_CHARACTERS])
