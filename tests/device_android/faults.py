"""Faults of the connection to a phone, made when a test asks for one."""

import threading
import time

IN, OUT = "in", "out"
DIRECTIONS = (IN, OUT)


class Cut(ConnectionError):
    """The line is to end here."""


class Faults:
    """Asked for every packet, in either direction; without orders it lets everything pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._counted: tuple[str, ...] = DIRECTIONS
        self._held_until = 0.0
        self._keep: int | None = None
        self._passed = dict.fromkeys(DIRECTIONS, 0)
        self.offline = False

    def cut_at(self, number: int, directions: tuple[str, ...] = DIRECTIONS) -> None:
        """The ``number``-th packet from now, 1 being the next, is lost and the line with it.

        Only packets in ``directions`` count, those of a handshake too. It happens once.
        """
        if number < 1 or not set(directions) <= set(DIRECTIONS):
            raise ValueError(f"packet {number} of {directions}; expected 1 or more of in, out")
        with self._lock:
            self._left, self._counted = number, tuple(directions)

    def is_cut_due(self) -> bool:
        """True until the cut that ``cut_at`` asked for has happened."""
        return self._left is not None

    def hold(self, pause_s: float) -> None:
        """No packet passes for that long; then all that waited do."""
        self._held_until = time.monotonic() + pause_s

    def truncate_push(self, keep_bytes: int) -> None:
        """Of the next file that is pushed, or piped to a program, only the first bytes are
        written, and it is reported as arrived. What has no more than that is not such a file."""
        with self._lock:
            self._keep = keep_bytes

    def kept_bytes(self) -> int | None:
        """Bytes of the file pushed now that are to be written; None: all of it."""
        with self._lock:
            keep, self._keep = self._keep, None
        return keep

    def kept_of_input(self, arrived: int) -> int | None:
        """Bytes that a program gets of an input of which so many have come; None: all."""
        with self._lock:
            if self._keep is None or arrived <= self._keep:
                return None
            keep, self._keep = self._keep, None
        return keep

    def packets(self, direction: str) -> int:
        """The number that have passed so far."""
        return self._passed[direction]

    def passing(self, direction: str) -> None:
        """Waits while packets are delayed; raises Cut for the packet that is not to pass."""
        while (left_s := self._held_until - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.05))
        with self._lock:
            self._passed[direction] += 1
            if self._left is None or direction not in self._counted:
                return
            self._left -= 1
            if self._left:
                return
            self._left = None
        raise Cut(f"cut at a packet {direction}")
