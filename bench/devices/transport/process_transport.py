"""A connection through processes on this machine, which pass standard input and output on."""

import contextlib
import math
import secrets
import shlex
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from bench.devices.transport import transfer
from bench.devices.transport.process import communicated
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import ExitCodeLost, Finished
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

T = TypeVar("T")
SHELL_S = 30.0
QUOTED_CHARACTERS = 80
NOT_FOUND_CODE = 127  # of a shell
# Says 0 where there is a timeout that ends what nobody waits for any more. Not toybox's, that of
# phones: the hangup that ends a program there would end its timeout alone, and version 0.8.9 says
# 127 of programs that end very soon.
HAS_TIMEOUT = """\
case $(timeout --version 2>&1) in toybox*) exit 1 ;; esac
timeout -k 5 9 true 2> /dev/null
echo $?
"""


class ProcessTransport(ABC):
    """The part of a Transport that needs no more than ``running`` and ``check_connection``."""

    def __init__(self, name: str) -> None:
        self.name, self.stopped = name, threading.Event()
        self._has_timeout = False

    @abstractmethod
    def running(
        self, argv: Sequence[str | PurePosixPath], stdin: IO | int, stdout: IO | int
    ) -> AbstractContextManager[subprocess.Popen]:
        """A process here that passes on standard input and output of ``argv`` there; standard error
        is a pipe. Ended after the block."""

    @abstractmethod
    def check_connection(self, code: int, last_words: str) -> None:
        """ConnectionLost where ``code`` of a process of ``running`` says so; ExitCodeLost where it
        says nothing, though the connection lives."""

    def run(
        self,
        argv: Sequence[str | PurePosixPath],
        timeout_s: float,
        stdin: Path | bytes | None = None,
    ) -> Finished:
        """Run a program there, its standard input ``stdin`` (a file's content, or these bytes).

        After ``timeout_s`` DeviceError, and the program is ended where the device can do that.
        """
        return _once_more(lambda: self._run(argv, timeout_s, stdin))

    def _run(
        self, argv: Sequence[str | PurePosixPath], timeout_s: float, stdin: Path | bytes | None
    ) -> Finished:
        limit = ["timeout", "-k", "5", str(math.ceil(timeout_s))] if self._has_timeout else []
        words = [*limit, *argv]
        given = stdin if isinstance(stdin, bytes) else None
        with _opened(stdin) as source, self.running(words, source, subprocess.PIPE) as process:
            try:
                stdout, stderr = communicated(process, given, timeout_s, self.stopped)
            except subprocess.TimeoutExpired as error:
                raise DeviceError(
                    f"{self.name}: {_shown(argv)} did not end within {timeout_s:g} s"
                ) from error
            except DeviceError as error:
                raise DeviceError(f"{self.name}: {_shown(argv)}: {error}") from error
        error_text = stderr.decode(errors="replace")
        self.check_connection(process.returncode, error_text)
        return Finished(process.returncode, stdout, error_text)

    def run_check(
        self,
        argv: Sequence[str | PurePosixPath],
        timeout_s: float,
        stdin: Path | bytes | None = None,
    ) -> bytes:
        """Its standard output; DeviceError, with its last words, unless it exits 0."""
        done = self.run(argv, timeout_s, stdin)
        if done.code:
            last_words = last_line(done.stderr) or f"exit code {done.code}"
            raise DeviceError(f"{self.name}: {_shown(argv)}: {last_words}")
        return done.stdout

    def put(self, local: Path, remote: PurePosixPath, show: Report) -> None:
        """Copy a file there: whole, on its disk and under its name, or not at all."""
        _once_more(lambda: transfer.put(self, local, remote, show))

    def get(self, remote: PurePosixPath, local: Path, most_bytes: int) -> None:
        """Copy a file of ``most_bytes`` at most here: whole, under its name, or not at all."""
        _once_more(lambda: transfer.get(self, remote, local, most_bytes))

    def stop(self) -> None:
        """End what is run, put or got now, and let nothing of that kind begin any more; what was
        started goes on. From any thread."""
        self.stopped.set()

    def check_shell(self, advice: str) -> None:
        """DeviceError where there is no shell, or one that adds to what programs write or takes
        what they are to read: ``advice`` says what to do about that. Programs that nobody waits for
        any more are ended from now on, where the device has a timeout."""
        self._has_timeout = False
        token, given = secrets.token_hex(8), f": {secrets.token_hex(8)}\n"  # nothing, to a shell
        try:
            done = self.run(["sh", "-c", f"echo {token}; cat"], SHELL_S, given.encode())
        except ConnectionLost:
            raise
        except DeviceError as error:
            raise DeviceError(f"{error}; {advice}") from error
        output = done.stdout.decode(errors="replace")
        before, found, after = output.partition(f"{token}\n")
        if done.code or not found:
            words = (last_line(done.stderr) or last_line(output))[:QUOTED_CHARACTERS]
            finding = ", and a PATH that finds sh" if done.code == NOT_FOUND_CODE else ""
            raise DeviceError(
                f"{self.name} does not run commands: exit code {done.code}, {words!r}; expected a "
                f"login with a shell{finding}; {advice}"
            )
        for added, when in ((before, "before"), (after.replace(given, "", 1), "after")):
            if added:
                words = last_line(added)[:QUOTED_CHARACTERS]
                raise DeviceError(f"{self.name} writes {words!r} {when} every command; {advice}")
        if after != given:
            raise DeviceError(
                f"{self.name} lets programs read nothing: something reads their input ahead of "
                f"them; {advice}"
            )
        output = self.run(["sh", "-c", HAS_TIMEOUT], SHELL_S).stdout.strip()
        self._has_timeout = output == b"0"


def _once_more(work: Callable[[], T]) -> T:
    """``work()``, a second time where the exit code of the first is lost: dropbear 2022.83 forgets
    that of one in some thousand short programs."""
    try:
        return work()
    except ExitCodeLost:
        return work()


@contextlib.contextmanager
def _opened(stdin: Path | bytes | None) -> Iterator[IO | int]:
    if isinstance(stdin, Path):
        with stdin.open("rb") as file:
            yield file
    else:
        yield subprocess.DEVNULL if stdin is None else subprocess.PIPE


def _shown(argv: Sequence[str | PurePosixPath]) -> str:
    """A command in one line that is not too long."""
    line = " ".join(shlex.join(map(str, argv)).split())
    return line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]}..."
