"""The services that run a program: ``shell:``, ``shell,v2:`` and ``exec:``.

As in shell_service.cpp of the Android sources: the program leads a session of its own; standard
input and output are one socket, standard error another where the packets of shell v2 can carry it;
when the stream closes the program gets SIGHUP and its sockets close; a signal n that ended it is
exit code 128 + n.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from device_android.faults import Faults
from device_android.stream import Stream, StreamClosed

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
HEADER = struct.Struct("<BI")
CHUNK = 64 << 10


@dataclass(frozen=True)
class Shell:
    """The shell of a command line, run as ``[*argv, "-c", line]``, its folder and its variables."""

    argv: Sequence[str] = ("/bin/sh",)
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: str = "/"


def serve_shell(
    stream: Stream, arguments: Sequence[str], command: str, shell: Shell, faults: Faults
) -> None:
    """Runs ``command`` for ``stream``; ``arguments`` are the words between "shell" and ":"."""
    terminal = [word[5:] for word in arguments if word.startswith("TERM=")]
    variables = {**shell.environment, **({"TERM": terminal[0]} if terminal else {})}
    Program(stream, "v2" in arguments, command, shell, variables, faults).run()


class Program:
    """A program and the stream that it is run for."""

    def __init__(
        self, stream: Stream, packets: bool, command: str, shell: Shell,
        variables: dict[str, str], faults: Faults,
    ) -> None:  # fmt: skip
        self._stream, self._packets, self._faults = stream, packets, faults
        self._writing = threading.Lock()
        self._ours, child_end = socket.socketpair()
        self._ours_err, their_err = socket.socketpair() if packets else (None, None)
        argv = [*shell.argv, "-c", command] if command else [*shell.argv, "-"]
        try:
            self._process = subprocess.Popen(
                argv, stdin=child_end, stdout=child_end, stderr=their_err or child_end, umask=0,
                start_new_session=True, env=variables, cwd=shell.folder,
            )  # fmt: skip
        finally:
            for one in filter(None, (child_end, their_err)):
                one.close()

    def run(self) -> None:
        """Passes everything both ways until the program or the stream has ended."""
        self._stream.on_closed = self._hang_up
        if self._stream.closed:
            self._hang_up()
        threading.Thread(target=self._pass_input, daemon=True).start()
        errors = threading.Thread(target=self._pass_output, args=(self._ours_err, STDERR))
        if self._ours_err:
            errors.start()
        self._pass_output(self._ours, STDOUT)
        if self._ours_err:
            errors.join()
        code = self._process.wait()
        with contextlib.suppress(StreamClosed):
            if self._packets:
                self._write(EXIT, bytes([code if code >= 0 else 0x80 | -code]))
        self._stream.close()
        # The stream's reader may be about to write there: it finds the socket shut, not reused.
        self._shut()

    def _hang_up(self) -> None:
        """The stream has ended before the program did."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)
        self._shut()

    def _shut(self) -> None:
        for one in filter(None, (self._ours, self._ours_err)):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass_output(self, source: socket.socket, kind: int) -> None:
        with contextlib.suppress(StreamClosed, ConnectionError):
            while content := source.recv(CHUNK):
                self._write(kind, content)

    def _write(self, kind: int, content: bytes) -> None:
        header = HEADER.pack(kind, len(content)) if self._packets else b""
        with self._writing:
            self._stream.write(header + content)

    def _pass_input(self) -> None:
        arrived, kept = 0, None
        with contextlib.suppress(StreamClosed, OSError):
            while True:
                kind, content = STDIN, b""
                if self._packets:
                    kind, size = HEADER.unpack(self._stream.read(HEADER.size))
                    content = self._stream.read(size)
                else:
                    content = self._stream.read_some()
                if kind == STDIN:
                    before, arrived = arrived, arrived + len(content)
                    kept = self._faults.kept_of_input(arrived) if kept is None else kept
                    if kept is not None:
                        content = content[: max(0, kept - before)]
                    self._ours.sendall(content)
                elif kind == CLOSE_STDIN:
                    self._ours.shutdown(socket.SHUT_WR)
