"""A port of this machine that passes everything on to another, until it is told to break."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

PIECE_BYTES = 16 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends RST


class BreakableRelay:
    """A TCP proxy to ``server_port``; a context manager. "up" is from the client to the server."""

    def __init__(self, server_port: int) -> None:
        self._server_port, self._sockets = server_port, []
        self._passes = threading.Event()
        self._passes.set()
        self._faults: dict[str, tuple[int, Callable[[], None]]] = {}
        self.passed = {"up": 0, "down": 0}
        self.delay_s, self.accepted, self._forgets = 0.0, 0, False

    def __enter__(self) -> "BreakableRelay":
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._listening.close()
        self.thaw()
        self.cut()

    def cut(self, reset: bool = False) -> None:
        """Close every connection, by FIN or by RST. New ones are accepted."""
        ended, self._sockets = self._sockets, []
        for each in ended:
            with contextlib.suppress(OSError):
                if reset:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                else:
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def forget(self) -> None:
        """End every connection on the client's side; the server does not notice."""
        self._forgets = True
        for each in self._sockets[::2]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Cut, and accept nobody any more."""
        # Without it the thread that waits there would take one more.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def freeze(self) -> None:
        """Accept, take nothing and say nothing any more."""
        self._passes.clear()

    def thaw(self) -> None:
        self._passes.set()

    def after(self, count: int, direction: str, fault: Callable[[], None]) -> None:
        """Call ``fault`` once when ``count`` more bytes have gone in that direction."""
        self._faults[direction] = self.passed[direction] + count, fault

    def _accept(self) -> None:
        while True:
            try:
                client = self._listening.accept()[0]
            except OSError:  # closed
                return
            self.accepted += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:  # no server there
                client.close()
                continue
            self._sockets += [client, server]
            for words in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pass_on, args=words, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, direction: str) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                if self.delay_s:
                    threading.Event().wait(self.delay_s)
                self._passes.wait()
                target.sendall(piece)
                self.passed[direction] += len(piece)
                self._break(direction)
        for each in () if self._forgets else (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _break(self, direction: str) -> None:
        count, fault = self._faults.get(direction, (0, None))
        if fault is not None and self.passed[direction] >= count:
            del self._faults[direction]
            fault()
