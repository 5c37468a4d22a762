"""What is behind a line, and how our runner gets to run there."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from bench.devices.acquired_device import Held
from bench.measurement.battery import Battery
from models.command_line.progress import Report

Note = Callable[[str], None]


class Platform(Protocol):
    """One kind of device, over one line, which it opens and closes.

    ``note`` is told, in a line, what a person should know. DeviceError, in a line with what to do,
    where the device cannot be had.
    """

    def held(self, owner: str, note: Note, show: Report) -> AbstractContextManager[Held]:
        """The device, locked for ``owner`` until the block ends."""

    def ready(
        self, held: Held, note: Note, show: Report
    ) -> AbstractContextManager[tuple[str, ...]]:
        """The words that start the runner there, which is made ready for, until the block ends."""

    def cores(self, threads: int) -> tuple[int, ...] | None:
        """Those to run ``threads`` threads on unless a person says otherwise; None for all. Known
        once the device is held."""

    def battery(self) -> Battery | None:
        """As it is now; None where there is none."""
