"""A sign of life that a phone gives regularly through adb, and what ends when it does not."""

import contextlib
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence

from bench.devices.transport.adb_process import AdbProcess
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import Timeouts

# Answers each line, until there is no more.
ECHO = 'while read -r beat; do echo "$beat"; done'
BEAT = b"beat\n"
READ_BYTES = 4096
END_S = 5.0


class AdbConnection:
    """``words`` run ECHO on a phone. When they end, or nothing comes back for as long as
    ``timeouts`` has, the connection is lost, for good: all that goes through it ends, as lost.

    adb itself waits for a silent phone for ever, and takes a phone that is back for the old one.
    """

    def __init__(self, words: Sequence[str], timeouts: Timeouts) -> None:
        self._timeouts, self._end_reason, self._is_silent = timeouts, "", True
        self._through: list[AdbProcess] = []
        self._adding, self._ended, self._answered = (
            threading.Lock(),
            threading.Event(),
            threading.Event(),
        )
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (the watch closes it)
        self._process = AdbProcess(
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self._watch = threading.Thread(target=self._watched, daemon=True)
        self._watch.start()

    def wait(self, limit_s: float) -> bool:
        """Wait until the phone answers; False where it does not in time."""
        return self._answered.wait(limit_s) and self.is_alive()

    def is_alive(self) -> bool:
        return not self._ended.is_set()

    def has_ended(self, within_s: float) -> bool:
        """Wait for its end: True where that comes within the time."""
        return self._ended.wait(within_s)

    def is_silent(self) -> bool:
        """True where nothing has come, not even an end: adb itself has noticed nothing."""
        return self._is_silent

    def end_reason(self) -> str:
        """Reason of its end in one line; "" where it is not known."""
        return self._end_reason

    def add(self, process: AdbProcess) -> None:
        """``process`` ends with the connection."""
        with self._adding:
            self._through = [each for each in self._through if each.returncode is None]
            self._through.append(process)
            is_late = self._ended.is_set()
        if is_late:
            process.cut()

    @contextlib.contextmanager
    def carrying(self, process: AdbProcess) -> Iterator[None]:
        """``process`` ends with the connection during the block."""
        self.add(process)
        try:
            yield
        finally:
            with self._adding:
                self._through = [each for each in self._through if each is not process]

    def close(self) -> None:
        """End it and all that goes through it; from any thread."""
        self._end("")
        self._watch.join(END_S)

    def _watched(self) -> None:
        """Beats and their echoes until the end."""
        with self._process, self._log:
            reason = self._heard()
            self._process.cut()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            log = os.pread(self._log.fileno(), READ_BYTES, 0).decode(errors="replace")
            self._end(last_line(log) or reason)

    def _heard(self) -> str:
        """Exchange heartbeats until there is no answer; the reason."""
        while not self._ended.is_set():
            with contextlib.suppress(BrokenPipeError):  # reading finds out
                os.write(self._process.stdin.fileno(), BEAT)
            received = b""
            while not received.endswith(BEAT):
                # Some shells greet first; that is found out about after the first answer.
                found = self._read(self._timeouts.silence_s)
                self._is_silent = found is None
                if found is None:
                    return f"nothing was heard for {self._timeouts.silence_s} s"
                if not found:
                    return last_line(received.decode(errors="replace")) or "adb lost the phone"
                received += found
            self._answered.set()
            if self._read(self._timeouts.alive_interval_s) == b"":
                return "adb lost the phone"
        return ""

    def _read(self, within_s: float) -> bytes | None:
        """Bytes that come, b"" at the end; None where none do in time."""
        output = self._process.stdout.fileno()
        if not select.select([output], [], [], within_s)[0]:
            return None
        return os.read(output, READ_BYTES)

    def _end(self, reason: str) -> None:
        with self._adding:
            if not self._ended.is_set():
                self._end_reason = reason
            self._ended.set()
            self._answered.set()
            ending, self._through = self._through, []
        for process in (*ending, self._process):
            process.cut()
