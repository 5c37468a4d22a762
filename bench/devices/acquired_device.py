"""A device that is ours until the block ends: its files, and the lock on it."""

import getpass
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import PurePosixPath

from bench.devices.file_store import Store
from bench.devices.lease.device_lease import DeviceLock
from bench.measurement.record import now_utc


@dataclass(frozen=True)
class Held:
    """``cache`` is the one folder there that we write to."""

    cache: PurePosixPath
    store: Store
    lock: DeviceLock


def owner() -> str:
    """Who has a device, for those who want it too; another one each time."""
    process = f"process {os.getpid()}/{secrets.token_hex(2)}"
    return f"{getpass.getuser()}@{socket.gethostname()}, {process}, since {now_utc()}"
