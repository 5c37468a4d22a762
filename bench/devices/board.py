"""A Linux with a Python of its own: a Raspberry Pi, a server, another desktop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.devices.acquired_device import Held
from bench.devices.file_store import Store
from bench.devices.host import RUNNER
from bench.devices.lease.device_lease import DeviceLock
from bench.devices.lease.watched import Watched
from bench.devices.machine import Machine, probe
from bench.devices.platform import Note
from bench.devices.provision.provision import provision
from bench.devices.settings import DeviceSettings
from bench.devices.transport.transport import Transport
from models.command_line.progress import Report

KEEPER = Path(__file__).parents[1] / "on_device" / "lease_agent.py"


class Board:
    """The Platform behind ``transport`` whose keeper and runner are Python programs."""

    def __init__(self, settings: DeviceSettings, transport: Transport) -> None:
        self._settings, self._transport = settings, transport
        self._machine: Machine | None = None

    @contextmanager
    def held(self, owner: str, note: Note, show: Report) -> Iterator[Held]:
        """The device, locked for ``owner`` until the block ends."""
        show("connecting")
        try:
            self._transport.connect()
            self._machine = machine = probe(self._transport, self._settings)
            store = Store(self._transport, machine.cache)
            store.make_folder()
            keeper = [str(machine.python), "-I", str(store.put(KEEPER, show))]
            with DeviceLock(self._transport, keeper, machine.cache, owner, note) as lock:
                lock.take()
                yield Held(machine.cache, store, lock)
        finally:
            self._transport.close()

    @contextmanager
    def ready(self, held: Held, note: Note, show: Report) -> Iterator[tuple[str, ...]]:
        """The words that start the runner in its Python environment, which is made if need be."""
        watched = Watched(self._transport, held.lock, held.cache)
        python = provision(watched, held.store, self._machine, note, show)
        yield str(python), str(held.store.put(RUNNER, show))

    def cores(self, threads: int) -> None:
        """All: the scheduler of a board has cores that are alike."""

    def battery(self) -> None:
        """It has none."""
