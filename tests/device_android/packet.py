"""The packets of adb's protocol, as protocol.txt of the Android sources lays them down."""

import socket
import struct
from dataclasses import dataclass

CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = (
    int.from_bytes(name, "little")
    for name in (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE")
)
# From this version on nobody computes or looks at the checksum of the payload.
VERSION = 0x0100_0001
MAX_PAYLOAD = 1 << 20
HEADER = struct.Struct("<6I")


@dataclass(frozen=True)
class Packet:
    """``command`` with its two arguments, most often the sender's and the receiver's stream."""

    command: int
    first: int
    second: int
    payload: bytes = b""


def send(line: socket.socket, packet: Packet) -> None:
    """Writes all of it. Raises OSError where the line is gone."""
    checksum = 0
    header = HEADER.pack(
        packet.command, packet.first, packet.second,
        len(packet.payload), checksum, packet.command ^ 0xFFFF_FFFF,
    )  # fmt: skip
    line.sendall(header + packet.payload)


def receive(line: socket.socket) -> Packet:
    """The next one. Raises OSError where the line ends or what comes is not of the protocol."""
    command, first, second, size, _, magic = HEADER.unpack(_exactly(line, HEADER.size))
    if magic != command ^ 0xFFFF_FFFF or size > MAX_PAYLOAD:
        raise ConnectionError(f"not adb's protocol: command {command:#x}, {size} bytes")
    return Packet(command, first, second, _exactly(line, size))


def _exactly(line: socket.socket, size: int) -> bytes:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = line.recv_into(view)
        if not count:
            raise ConnectionError("the line has ended")
        view = view[count:]
    return bytes(content)
