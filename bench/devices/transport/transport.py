"""The protocol of a connection to a device: run a program there, put a file, get a file."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from models.command_line.errors import DeviceError
from models.command_line.progress import Report


class ExitCodeLost(DeviceError):
    """A program ended there, or did not start, and the server says neither how nor why."""


@dataclass(frozen=True)
class Timeouts:
    """Times to wait for a device; a silent one is lost after (alive_count + 1) intervals."""

    connect_s: int
    alive_interval_s: int
    alive_count: int

    @property
    def silence_s(self) -> int:
        return (self.alive_count + 1) * self.alive_interval_s


@dataclass(frozen=True)
class Finished:
    """A program that ran on the device to its end: its exit code, 128 + n where signal n ended it,
    and what it wrote."""

    code: int
    stdout: bytes
    stderr: str


class Runs(Protocol):
    """Runs programs on a device."""

    def run(
        self, argv: Sequence[str], timeout_s: float, stdin: Path | bytes | None = None
    ) -> Finished:
        """Run a program there, its standard input ``stdin`` (a file's content, or these bytes)."""


class Transport(Runs, Protocol):
    """One connection to one device. A context manager: leaving it ends the connection.

    Programs are to do the same when they run twice: one whose exit code is lost is run once more.
    Words of a command and paths reach the device's shell quoted. What needs the connection raises
    ConnectionLost when that breaks; DeviceError, in one line, where the device refuses.
    """

    name: str
    lost_code: int

    def connect(self) -> None:
        """Open the connection, again if it was lost; DeviceError that says what to do otherwise."""

    def is_connected(self) -> bool: ...

    def run_check(
        self, argv: Sequence[str], timeout_s: float, stdin: Path | bytes | None = None
    ) -> bytes:
        """Its standard output; DeviceError, with its last words, unless it exits 0."""

    def start(self, argv: Sequence[str]) -> subprocess.Popen:
        """A process here, its pipes and session its own, that passes on standard input and output
        of ``argv`` there. It exits with ``lost_code`` when the connection breaks, otherwise as
        Finished says."""

    def put(self, local: Path, remote: PurePosixPath, show: Report) -> None:
        """Copy a file there: whole, under its name, or not at all."""

    def get(self, remote: PurePosixPath, local: Path, most_bytes: int) -> None:
        """Copy a file of ``most_bytes`` at most here: whole, under its name, or not at all."""

    def stop(self) -> None:
        """End what is run, put or got now, and let nothing of that kind begin any more; what was
        started goes on. From any thread."""

    def close(self) -> None:
        """End the connection; from any thread, one that is being opened too."""
