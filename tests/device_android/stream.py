"""One of the many streams of a connection: what a service reads from and writes to."""

import queue
from collections.abc import Callable

from device_android.packet import CLSE, OKAY, WRTE, Packet


class StreamClosed(Exception):
    """The other side has closed the stream, or the line is gone."""


class Stream:
    """``local`` and ``remote`` are its numbers here and there.

    Flow control: the other side sends nothing more before its last packet was taken by ``read``,
    and ``write`` waits for its word that the last one was taken there.
    """

    def __init__(
        self, local: int, remote: int, max_payload: int, send: Callable[[Packet], None]
    ) -> None:
        self.local, self.remote = local, remote
        self._max_payload = max_payload
        self._send = send
        self._arrived: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._taken: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._left = b""
        self.on_closed: Callable[[], None] = lambda: None
        self.closed = False

    def opened(self) -> None:
        """Tells the other side that the service is there."""
        self._send(Packet(OKAY, self.local, self.remote))

    def read_some(self) -> bytes:
        """The next bytes, at least one. Raises StreamClosed."""
        if self._left:
            content, self._left = self._left, b""
            return content
        while True:
            content = self._arrived.get()
            if content is None:
                self._arrived.put(None)
                raise StreamClosed
            self._send(Packet(OKAY, self.local, self.remote))
            if content:
                return content

    def read(self, size: int) -> bytes:
        """Exactly that many bytes. Raises StreamClosed."""
        parts, missing = [], size
        while missing:
            content = self.read_some()
            parts.append(content[:missing])
            self._left = content[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def write(self, content: bytes) -> None:
        """All of it, from one thread at a time. Raises StreamClosed."""
        for start in range(0, len(content), self._max_payload):
            part = content[start : start + self._max_payload]
            if self.closed:
                raise StreamClosed
            self._send(Packet(WRTE, self.local, self.remote, part))
            if not self._taken.get():
                self._taken.put(False)
                raise StreamClosed

    def close(self) -> None:
        """The service is done; the other side is told, unless it has closed first."""
        if not self.closed:
            self.closed = True
            self._send(Packet(CLSE, self.local, self.remote))

    def arrived(self, content: bytes) -> None:
        """For the connection: a packet for this stream."""
        self._arrived.put(content)

    def taken(self) -> None:
        """For the connection: the other side has taken our last packet."""
        self._taken.put(True)

    def ended(self) -> None:
        """For the connection: the other side has closed, or the line is gone."""
        self.closed = True
        self._arrived.put(None)
        self._taken.put(False)
        self.on_closed()
