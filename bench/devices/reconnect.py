"""Retries after a broken connection: a device is tried again, with longer and longer pauses."""

import time
from collections.abc import Callable

from models.command_line.errors import DeviceError
from models.command_line.progress import Report, step

RECONNECT_S = 300.0  # a board that reboots is back in one minute, or in three on an old card
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0


class Reconnect:
    """Reaches the device ``name`` again within ``limit_s``, or gives it up for good.

    ``pause`` waits so many seconds, and may raise what ends the trying; ``now_s`` is its clock.
    ``note`` is told, in a line, what a person should know.
    """

    def __init__(
        self,
        name: str,
        note: Callable[[str], None],
        pause: Callable[[float], None],
        limit_s: float = RECONNECT_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._note, self._pause = name, note, pause
        self._limit_s, self._now_s = limit_s, now_s
        self.has_given_up = self.is_trying = False

    def reach(self, reopen: Callable[[Report], None]) -> bool:
        """Call ``reopen`` until it raises no DeviceError: whether that happened in time. Once a
        device was given up, it stays so."""
        if self.has_given_up:
            return False
        self._note(
            f"{self._name}: the connection broke; trying to reach it again for up to "
            f"{self._limit_s:g} s"
        )
        self.is_trying = True
        try:
            with step(f"{self._name}: reaching it again") as show:
                return self._reach(reopen, show)
        finally:
            self.is_trying = False

    def _reach(self, reopen: Callable[[Report], None], show: Report) -> bool:
        end_s, pause_s = self._now_s() + self._limit_s, FIRST_PAUSE_S
        while True:
            try:
                reopen(show)
                return True
            except DeviceError as error:
                left_s = end_s - self._now_s()
                if pause_s > left_s:
                    self._note(f"{self._name}: given up: {error}")
                    self.has_given_up = True
                    return False
                show(f"not yet, {left_s:.0f} s left: {error}")
            self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
