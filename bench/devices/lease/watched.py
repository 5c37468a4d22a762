"""Programs on a device that do not outlive the bench that runs them."""

import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.devices.lease.device_lease import DeviceLock
from bench.devices.lease.lease_command import registered
from bench.devices.transport.transport import Finished, Transport


class Watched:
    """Runs programs through ``transport`` that the keeper of ``lock`` ends there: when we do not
    wait for them any more (a time limit, Ctrl-C), when the line breaks, and with the lock.

    ssh alone leaves a program to go on behind any of these: pip, for as long as it likes.
    """

    def __init__(self, transport: Transport, lock: DeviceLock, cache: PurePosixPath) -> None:
        self._transport, self._lock, self._cache = transport, lock, cache

    def run(
        self, argv: Sequence[str], timeout_s: float, stdin: Path | bytes | None = None
    ) -> Finished:
        """As ``run`` of a Transport."""
        name = secrets.token_hex(8)
        try:
            return self._transport.run(registered(self._cache, name, argv), timeout_s, stdin)
        except BaseException:
            self._lock.end(name)
            raise
