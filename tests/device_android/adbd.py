"""The daemon of adb on a phone, here on a TCP port."""

import contextlib
import socket
import threading

from device_android.authorization import Authorization
from device_android.connection import Connection
from device_android.faults import Faults
from device_android.shell_service import Shell

BANNER = {
    "ro.product.name": "emulated_phone",
    "ro.product.model": "Emulated Phone",
    "ro.product.device": "emulated",
}


def listening_socket(port: int = 0) -> socket.socket:
    """A socket of this machine's loopback; port 0 is any free one."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.listen()
    return listener


class Adbd:
    """``with Adbd() as daemon``: the real adb can ``connect`` to ``daemon.serial`` until the end.

    What clients run is run by ``shell``; paths are those of the process that this is in.
    ``faults`` and ``authorization`` may be told things at any time.
    """

    def __init__(
        self, shell: Shell | None = None, listener: socket.socket | None = None,
        banner: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._shell = shell or Shell()
        self._listener = listener or listening_socket()
        self._banner = banner or BANNER
        self.faults, self.authorization = Faults(), Authorization()
        self.port = self._listener.getsockname()[1]
        self.serial = f"127.0.0.1:{self.port}"
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> "Adbd":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        # Closing alone would not wake the thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(
                line, self._banner, self._shell, self.authorization, self.faults
            )
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def disconnect(self) -> None:
        """Ends every connection that there is; new ones are taken."""
        with self._lock:
            for connection in self._connections:
                connection.drop()

    def go_offline(self) -> None:
        """The line stays or can be had anew, but nobody answers on it; adb says ``offline``."""
        self.faults.offline = True
        self.disconnect()

    def come_back(self) -> None:
        """The end of ``go_offline``."""
        self.faults.offline = False
        self.disconnect()

    def _speak(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.discard(connection)
