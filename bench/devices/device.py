"""The protocol of a device: what a machine that runs jobs can do."""

import subprocess
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from bench.devices.runner_process import RunnerProcess
from bench.measurement.environment import Battery, Environment
from bench.measurement.job import Job
from bench.measurement.result import Result
from models.command_line.errors import DeviceError
from models.command_line.progress import note


class Device(Protocol):
    """Runs jobs; a run that fails is a Result with an error. DeviceError, which names the device,
    where the device itself fails.

    One thread at a time works with a device; another may ``stop`` it.
    """

    name: str

    def environment(self) -> Environment: ...

    def start(self, job: Job) -> RunnerProcess: ...

    def run(self, job: Job) -> Result: ...

    def start_program(self, argv: Sequence[str]) -> subprocess.Popen:
        """Another program there: a process here whose standard input and output are its own."""

    def free_memory_bytes(self) -> int | None:
        """Memory available now without swapping; None where the device does not tell."""

    def stop(self) -> None:
        """End what runs, soon, whatever it waits for. ``start`` and ``run`` raise Stopped from now
        on; the device is still to be closed."""


@runtime_checkable
class Reconnecting(Protocol):
    """A device whose connection may break."""

    def reconnect(self) -> bool:
        """Try to reach it again: True where that succeeded."""


@runtime_checkable
class BatteryPowered(Protocol):
    """A device that may run on a battery."""

    def battery(self) -> Battery | None:
        """Its state now; None where there is none. DeviceError where the device does not answer."""


def batteries(device: Device) -> tuple[Battery, ...]:
    """The battery of ``device``, where it has one. What goes wrong is noted and no more: a
    measurement is worth more than what is known of the battery."""
    if not isinstance(device, BatteryPowered):
        return ()
    try:
        found = device.battery()
    except DeviceError as error:
        note(f"{device.name} does not report its battery: {error}")
        return ()
    return (found,) if found else ()


def stop_all(devices: Iterable[Device]) -> None:
    """Stop each; from any thread."""
    for device in devices:
        device.stop()
