"""One adb server at the phone: the handshake, and the streams that it opens."""

import contextlib
import socket
import threading

from device_android import packet
from device_android.authorization import Authorization, Consent, new_token
from device_android.faults import IN, OUT, Faults
from device_android.packet import AUTH, CLSE, CNXN, MAX_PAYLOAD, OKAY, OPEN, VERSION, WRTE, Packet
from device_android.shell_service import Shell, serve_shell
from device_android.stream import Stream, StreamClosed
from device_android.sync_service import SyncService

TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
# Only what is there: no packages are installed, nothing is remounted.
FEATURES = ("shell_v2", "stat_v2", "ls_v2", "fixed_push_mkdir")


class Connection:
    """``run`` speaks the protocol on ``line`` until it ends; ``drop`` ends it from outside."""

    def __init__(
        self, line: socket.socket, banner: dict[str, str], shell: Shell,
        authorization: Authorization, faults: Faults,
    ) -> None:  # fmt: skip
        self._line, self._banner, self._shell = line, banner, shell
        self._authorization, self._faults = authorization, faults
        self._sending = threading.Lock()
        self._streams: dict[int, Stream] = {}
        self._next = 1
        self._online = False
        self._max_payload = MAX_PAYLOAD
        self._token = b""
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Returns when the line has ended; no stream is open then."""
        handlers = {CNXN: self._connected, AUTH: self._authorized, OPEN: self._open,
                    OKAY: self._okay, WRTE: self._wrte, CLSE: self._clse}  # fmt: skip
        try:
            with contextlib.suppress(OSError, StreamClosed):
                while True:
                    arrived = packet.receive(self._line)
                    self._faults.passing(IN)
                    # As long as it is offline the line is there and nobody at its end.
                    if not self._faults.offline and arrived.command in handlers:
                        handlers[arrived.command](arrived)
        finally:
            self.drop()
            self._line.close()
            for stream in list(self._streams.values()):
                stream.ended()

    def drop(self) -> None:
        """Ends the line."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def _send(self, sent: Packet) -> None:
        try:
            self._faults.passing(OUT)
            with self._sending:
                packet.send(self._line, sent)
        except OSError as error:
            self.drop()
            raise StreamClosed from error

    def _connected(self, asked: Packet) -> None:
        self._max_payload = min(asked.second, MAX_PAYLOAD)
        if self._authorization.consent is Consent.OPEN:
            self._welcome()
        else:
            self._ask()

    def _ask(self) -> None:
        self._token = new_token()
        self._send(Packet(AUTH, TOKEN, 0, self._token))

    def _authorized(self, answer: Packet) -> None:
        if answer.first == SIGNATURE:
            if self._authorization.signed(self._token, answer.payload):
                self._welcome()
            else:
                self._ask()
        elif answer.first == PUBLIC_KEY and self._authorization.offered(answer.payload):
            self._welcome()

    def _welcome(self) -> None:
        self._online = True
        words = [f"{name}={value};" for name, value in self._banner.items()]
        text = "device::" + "".join(words) + "features=" + ",".join(FEATURES)
        self._send(Packet(CNXN, VERSION, MAX_PAYLOAD, text.encode()))

    def _open(self, asked: Packet) -> None:
        if not self._online:
            return
        stream = Stream(self._next, asked.first, self._max_payload, self._send)
        self._streams[stream.local] = stream
        self._next += 1
        service = asked.payload.rstrip(b"\0").decode(errors="surrogateescape")
        threading.Thread(target=self._serve, args=(stream, service), daemon=True).start()

    def _serve(self, stream: Stream, service: str) -> None:
        name, _, rest = service.partition(":")
        name, *arguments = name.split(",")
        raw = name == "exec" or "raw" in arguments or (rest and "pty" not in arguments)
        with contextlib.suppress(StreamClosed):
            if name == "sync":
                stream.opened()
                SyncService(stream, self._faults).run()
            elif name in ("shell", "exec") and raw:
                stream.opened()
                serve_shell(stream, arguments, rest, self._shell, self._faults)
            else:
                # Zero says that the stream has never been open: no such service, no terminals.
                self._send(Packet(CLSE, 0, stream.remote))
        self._streams.pop(stream.local, None)

    def _okay(self, arrived: Packet) -> None:
        if stream := self._streams.get(arrived.second):
            stream.taken()

    def _wrte(self, arrived: Packet) -> None:
        if stream := self._streams.get(arrived.second):
            stream.arrived(arrived.payload)
        else:
            self._send(Packet(CLSE, 0, arrived.first))

    def _clse(self, arrived: Packet) -> None:
        if stream := self._streams.pop(arrived.second, None):
            stream.ended()
