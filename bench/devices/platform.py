"""A kind of device: how one is acquired over a connection, and how the runner gets to run there."""

import functools
import getpass
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from bench.devices.file_store import FileStore
from bench.devices.lease.device_lease import DeviceLease
from bench.devices.transport.transport import Transport
from bench.measurement.environment import Battery
from bench.measurement.record import now_utc
from models.command_line.progress import Report

Note = Callable[[str], None]
# What every account of a Linux can read, and nobody locks; a phone has one account, and not this.
SHARED_FILE = "/etc/os-release"
LEASE_AGENT = Path(__file__).parents[1] / "on_device" / "lease_agent.sh"


@dataclass(frozen=True)
class AcquiredDevice:
    """A device that no other bench uses until the block ends. ``cache``: the one folder there that
    is written to."""

    cache: PurePosixPath
    store: FileStore
    lease: DeviceLease


class Platform(Protocol):
    """One kind of device, over one connection, which it opens and closes.

    ``note`` is told, in a line, what a person should know. DeviceError, in a line with what to do,
    where the device cannot be had.
    """

    def acquired(
        self, owner: str, note: Note, show: Report
    ) -> AbstractContextManager[AcquiredDevice]:
        """The device, leased to ``owner`` until the block ends."""

    def ready(
        self, acquired: AcquiredDevice, note: Note, show: Report
    ) -> AbstractContextManager[tuple[str, ...]]:
        """The words that start the runner there, which is prepared, until the block ends."""

    def cores(self, threads: int) -> tuple[int, ...] | None:
        """Cores to run ``threads`` threads on unless a person says otherwise; None for all. Known
        once the device is acquired."""

    def battery(self) -> Battery | None:
        """Its present state; None where there is none."""


def owner() -> str:
    """Who has a device, for those who want it too; another one each time."""
    process = f"process {os.getpid()}/{_of_this_process()}/{secrets.token_hex(2)}"
    return f"{_user()}@{socket.gethostname()}, {process}, since {now_utc()}"


def _user() -> str:
    """The name of this process's user; the number of one that a container gave no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # until Python 3.12, and since
        return f"user {os.getuid()}"


@functools.cache
def _of_this_process() -> str:
    """Tells two processes of one id apart, e.g. of two containers."""
    return secrets.token_hex(4)


@contextmanager
def leased(
    transport: Transport, cache: PurePosixPath, owner: str, note: Note, show: Report
) -> Iterator[AcquiredDevice]:
    """The device that ``transport`` is connected to, leased to ``owner`` until the block ends."""
    store = FileStore(transport, cache)
    store.make_folder()
    agent = ["sh", str(store.put(LEASE_AGENT, show))]
    with DeviceLease(transport, agent, cache, owner, note, shared=SHARED_FILE) as lease:
        lease.take()
        yield AcquiredDevice(cache, store, lease)
