"""What a device can do, and the devices by the names that DEVICE takes."""

import subprocess
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from bench.child import Child
from bench.environment import Environment
from bench.host import Host
from bench.job import Job
from bench.result import Result
from models.errors import RequestError


class Device(Protocol):
    """Runs jobs; a run that fails is a Result with an error, never an exception."""

    name: str

    def environment(self) -> Environment: ...

    def start(self, job: Job) -> Child: ...

    def run(self, job: Job) -> Result: ...

    def start_program(self, argv: Sequence[str]) -> subprocess.Popen:
        """Another program there: a process here whose standard input and output are its own."""

    def free_memory_bytes(self) -> int | None:
        """What could be had now without swapping; None where the device does not tell."""


@runtime_checkable
class Reconnecting(Protocol):
    """A device behind a line that may break."""

    def reconnect(self) -> bool:
        """Whether it could be had again."""


DEVICES = {"host": Host}


def open_device(name: str) -> Device:
    """The device of that name; RequestError naming the known ones otherwise."""
    if name not in DEVICES:
        raise RequestError(f"DEVICE is {name!r}; expected one of: {' '.join(DEVICES)}")
    return DEVICES[name]()
