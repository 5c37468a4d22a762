"""A keeper at work on a device, spoken to in lines, and told regularly that the line is there."""

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import threading
import time

READ_BYTES = 65536
MAX_LINE_BYTES = 2**20
JOIN_S = 1.0
QUOTED_CHARACTERS = 300


class LeaseClient:
    """``process``, here, whose standard input and output are those of ``keeper.py`` there.

    Ctrl-C does not reach it; it ends when told to, and with this process however that dies.
    """

    def __init__(self, process: subprocess.Popen, beat_s: float) -> None:
        self._process, self._beat_s = process, beat_s
        self._is_there, self._unknown, self._stderr = True, "", b""
        self._events: queue.Queue[dict | None] = queue.Queue()
        self._writing = threading.Lock()
        os.set_blocking(process.stderr.fileno(), False)
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def open(self, first_line: str) -> None:
        """Say ``first_line``; beats follow."""
        self.send(first_line)
        self._listener.start()

    def is_there(self) -> bool:
        return self._is_there

    def send(self, line: str) -> None:
        """Say a line to the keeper, if it still listens: ``is_there`` tells whether it does."""
        with self._writing, contextlib.suppress(BrokenPipeError):
            if not self._process.stdin.closed:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def event(self, timeout_s: float) -> dict | None:
        """The next thing it says; None where that is nothing in time, or nothing any more."""
        try:
            found = self._events.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if found is None:
            self._events.put(None)
        return found

    def last_words(self) -> str:
        """The last line of what it wrote that is not an event; "" where there is none."""
        self._heard()
        lines = self._stderr.decode(errors="replace").strip().splitlines()
        return " ".join((lines[-1] if lines else self._unknown).split())[:QUOTED_CHARACTERS]

    def end(self, wait_s: float) -> int | None:
        """Close its input, and kill the process here unless it ends in time: its exit code then,
        None otherwise. The keeper ends what runs there in both cases."""
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
        """Events until the end of output, and a beat in between whenever one is due."""
        output, unread = self._process.stdout.fileno(), b""
        next_beat_s = time.monotonic() + self._beat_s
        with selectors.DefaultSelector() as pipes:
            pipes.register(output, selectors.EVENT_READ)
            pipes.register(self._process.stderr, selectors.EVENT_READ)
            while len(unread) < MAX_LINE_BYTES:
                ready = pipes.select(max(0.0, next_beat_s - time.monotonic()))
                readable = [key.fileobj for key, _ in ready]
                if self._process.stderr in readable and not self._heard():
                    pipes.unregister(self._process.stderr)
                if output in readable:
                    found = os.read(output, READ_BYTES)
                    if not found:
                        break
                    *lines, unread = (unread + found).split(b"\n")
                    for line in lines:
                        self._understand(line.decode(errors="replace"))
                if time.monotonic() >= next_beat_s:
                    self.send("beat")
                    next_beat_s = time.monotonic() + self._beat_s
        self._is_there = False
        self._events.put(None)

    def _heard(self) -> bool:
        """Take what there is on standard error; False at its end."""
        with contextlib.suppress(BlockingIOError):
            found = os.read(self._process.stderr.fileno(), READ_BYTES)
            self._stderr = (self._stderr + found)[-READ_BYTES:]
            return bool(found)
        return True

    def _understand(self, line: str) -> None:
        """A device's shell may greet before the keeper speaks; that is kept as its last words."""
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and "event" in said:
            self._events.put(said)
        else:
            self._unknown = line
