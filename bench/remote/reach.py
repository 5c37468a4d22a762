"""A device within reach: the line is open, what the device is is known, nobody else has it."""

import getpass
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.devices import DeviceSettings
from bench.record import now_utc
from bench.remote.lock import DeviceLock
from bench.remote.machine import Machine, probe
from bench.remote.store import Store
from bench.remote.transport import Transport
from models.progress import Report

KEEPER = Path(__file__).parent / "keeper.py"


@dataclass(frozen=True)
class Reach:
    """What is known of a device, its files, and the lock on it."""

    machine: Machine
    store: Store
    lock: DeviceLock


@contextmanager
def reached(
    settings: DeviceSettings,
    transport: Transport,
    owner: str,
    note: Callable[[str], None],
    show: Report,
) -> Iterator[Reach]:
    """The device, ours until the block ends. DeviceError, in a line, where it cannot be had."""
    show("connecting")
    try:
        transport.connect()
        machine = probe(transport, settings)
        store = Store(transport, machine.cache)
        store.make_folder()
        keeper = (machine.python, "-I", str(store.put(KEEPER, show)))
        with DeviceLock(transport, keeper, machine.cache, owner, note) as lock:
            lock.take()
            yield Reach(machine, store, lock)
    finally:
        transport.close()


def owner() -> str:
    """Who has a device, for those who want it too; another one each time."""
    process = f"process {os.getpid()}/{secrets.token_hex(2)}"
    return f"{getpass.getuser()}@{socket.gethostname()}, {process}, since {now_utc()}"
