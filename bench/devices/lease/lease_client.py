"""A lease agent on a device, spoken to in lines, and told regularly that this side lives."""

import contextlib
import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

READ_BYTES = 65536
MAX_LINE_BYTES = 2**20
JOIN_S = 1.0
QUOTED_CHARACTERS = 300
MARK = "lease "
MOST_ANSWERS = 10_000  # that nobody has read: no agent gives so many
# The answers of lease_agent.sh, with the fewest and the most words of each.
ANY = 1000
WORDS = {
    **{"left": (1, ANY), "unwritten": (0, ANY), "busy": (3, ANY), "failed": (0, ANY)},
    **{"ended": (3, 3), "locked": (0, 0), "released": (0, 0)},
}


@dataclass(frozen=True)
class Answer:
    """A line of the agent: its first word, and the words after it."""

    kind: str
    words: tuple[str, ...]


class LeaseClient:
    """``process``, on this machine, whose standard input and output are those of an agent there.

    Ctrl-C does not reach it; it ends when told to, and with this process however that dies.
    """

    def __init__(self, process: subprocess.Popen, heartbeat_s: float) -> None:
        self._process, self._heartbeat_s = process, heartbeat_s
        self._is_there, self._unknown, self._stderr = True, "", b""
        self._answers: queue.Queue[Answer | None] = queue.Queue()
        self._writing = threading.Lock()
        os.set_blocking(process.stderr.fileno(), False)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def is_there(self) -> bool:
        return self._is_there

    def send(self, line: str) -> None:
        """Send a line to the agent, if it still listens: ``is_there`` tells whether it does."""
        with self._writing, contextlib.suppress(BrokenPipeError):
            if not self._process.stdin.closed:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def answer(self, timeout_s: float) -> Answer | None:
        """The next answer; None where there is none in time, or will be none any more."""
        try:
            found = self._answers.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if found is None:
            self._answers.put(None)
        return found

    def last_words(self) -> str:
        """The last line of its output that is not an answer; "" where there is none."""
        self._read_errors()
        lines = self._stderr.decode(errors="replace").strip().splitlines()
        return " ".join((lines[-1] if lines else self._unknown).split())[:QUOTED_CHARACTERS]

    def end(self, wait_s: float) -> int | None:
        """Close its input, and kill the process here unless it ends in time: its exit code then,
        None otherwise. The agent ends what runs there in both cases."""
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        code = None
        try:
            code = self._process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=JOIN_S)
        self._listener.join(JOIN_S)
        if not self._listener.is_alive():  # else somebody else has its output, and it still reads
            self._process.stdout.close()
        return code

    def _listen(self) -> None:
        """Answers until the end of output, and a heartbeat in between whenever one is due."""
        output, unread = self._process.stdout.fileno(), b""
        next_s = time.monotonic() + self._heartbeat_s
        with selectors.DefaultSelector() as pipes:
            pipes.register(output, selectors.EVENT_READ)
            pipes.register(self._process.stderr, selectors.EVENT_READ)
            while len(unread) < MAX_LINE_BYTES and self._answers.qsize() < MOST_ANSWERS:
                ready = pipes.select(max(0.0, next_s - time.monotonic()))
                readable = [key.fileobj for key, _ in ready]
                if self._process.stderr in readable and not self._read_errors():
                    pipes.unregister(self._process.stderr)
                if output in readable:
                    found = os.read(output, READ_BYTES)
                    if not found:
                        break
                    *lines, unread = (unread + found).split(b"\n")
                    for line in lines:
                        self._understand(line.decode(errors="replace"))
                if time.monotonic() >= next_s:
                    self.send("beat")
                    next_s = time.monotonic() + self._heartbeat_s
        self._is_there = False
        self._answers.put(None)

    def _read_errors(self) -> bool:
        """Take what there is on standard error; False at its end."""
        with contextlib.suppress(BlockingIOError):
            found = os.read(self._process.stderr.fileno(), READ_BYTES)
            self._stderr = (self._stderr + found)[-READ_BYTES:]
            return bool(found)
        return True

    def _understand(self, line: str) -> None:
        """A device's shell may greet before the agent speaks; that is kept as its last words."""
        kind, *words = line.removeprefix(MARK).split() or [""]
        fewest, most = WORDS.get(kind, (1, 0))
        if line.startswith(MARK) and fewest <= len(words) <= most:
            self._answers.put(Answer(kind, tuple(words)))
        else:
            self._unknown = line
