"""A Linux with a Python of its own: a Raspberry Pi, a server, another desktop."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.devices.lease.lease_command import LeasedPrograms
from bench.devices.machine import Machine, probe
from bench.devices.platform import AcquiredDevice, Note, leased
from bench.devices.provision.provision import provision
from bench.devices.runner_archive import runner_file
from bench.devices.settings import DeviceSettings
from bench.devices.transport.transport import Transport
from models.command_line.progress import Report


class Board:
    """The Platform reached through ``transport`` whose runner is a Python program."""

    def __init__(self, settings: DeviceSettings, transport: Transport) -> None:
        self._settings, self._transport = settings, transport
        self._machine: Machine | None = None

    @contextmanager
    def acquired(self, owner: str, note: Note, show: Report) -> Iterator[AcquiredDevice]:
        """The device, leased to ``owner`` until the block ends."""
        show("connecting")
        try:
            self._transport.connect()
            self._machine = machine = probe(self._transport, self._settings)
            with leased(self._transport, machine.cache, owner, note, show) as acquired:
                yield acquired
        finally:
            self._transport.close()

    @contextmanager
    def ready(
        self, acquired: AcquiredDevice, note: Note, show: Report
    ) -> Iterator[tuple[str, ...]]:
        """The words that start the runner with its Python packages, put there if need be."""
        programs = LeasedPrograms(self._transport, acquired.lease, acquired.cache)
        python = provision(programs, acquired.store, self._machine, note, show)
        with runner_file() as file:
            runner = acquired.store.put(file, show)
        yield python.starting(runner)

    def cores(self, threads: int) -> None:
        """None chosen: the cores of a board are alike."""

    def battery(self) -> None:
        """It has none."""
