"""Files over a connection: whole and checked, or not at all."""

import hashlib
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from bench.devices.transport.process import LOOK_S, communicated
from bench.devices.transport.transport import Transport
from models.command_line.advice import make_line
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

STALLED_S, FREE_S = 300.0, 30.0
MB = 10**6
SHOWN_PARTS = 20
# $1 name, $2 of this try, $3 hash. The file is on the disk before it has its name: after a power
# cut there is none under a name that says what it holds but does not. A broken connection looks
# here like the end of the file. Parts of earlier tries are there only if the power was cut.
PUT = """
LC_ALL=C
export LC_ALL
part=$1.part.$2
if [ -d "$1" ]; then echo "$1 is a folder" >&2; exit 1; fi
rm -f -- "$1".part.*
trap 'rm -f -- "$part"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat > "$part" || exit 1
found=$(sha256sum < "$part") || exit 1
if [ "${found%% *}" != "$3" ]; then echo 'arrived damaged' >&2; exit 1; fi
sync -- "$part" 2>/dev/null || sync
mv -f -- "$part" "$1"
"""
GET = 'LC_ALL=C; export LC_ALL; cat < "$1" && sha256sum < "$1"'
TRAILER = re.compile(rb"([0-9a-f]{64})  -\n")
TRAILER_BYTES = 68
FULL = re.compile("No space left on device|Disk quota exceeded")
FREE = re.compile(r"(\d+)\s+\d+%")


class Connection(Transport, Protocol):
    """A Transport whose programs are processes here that files are passed through."""

    stopped: threading.Event

    def running(
        self, argv: Sequence[str | PurePosixPath], stdin: IO | int, stdout: IO | int
    ) -> AbstractContextManager[subprocess.Popen]:
        """A process here that passes on standard input and output of ``argv`` there, and ends with
        the connection; standard error is a pipe. Ended after the block."""

    def check_connection(self, code: int, last_words: str) -> None:
        """ConnectionLost where ``code`` of a process of ``running`` says so."""


def put(connection: Connection, local: Path, remote: PurePosixPath, show: Report) -> None:
    """Copy ``local`` there: whole, on its disk and under its name, or not at all.

    DeviceError, in one line, where the device refuses it; where its disk is full, with what there
    was to write and what is free.
    """
    doing = f"pushing {local.name}"
    show(doing)
    with local.open("rb") as file:
        digest, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        file.seek(0)
        words = ["sh", "-c", PUT, "sh", remote, secrets.token_hex(4), digest]
        # The reader shares our place in the file.
        message = _moved(
            connection,
            words,
            lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR),
            _megabytes(show, doing, size),
            stdin=file,
            stdout=subprocess.DEVNULL,
        )
    if message is None:
        return
    if FULL.search(message):
        raise DeviceError(
            f"{connection.name}: no space left for {local.name} in {str(remote.parent)!r}: "
            f"{size / MB:.1f} MB to write, {_free(connection, remote.parent)} MB free; make room "
            f"there, or run {make_line('device-clean', DEVICE=connection.name)}"
        )
    raise DeviceError(f"{connection.name}: cannot write {str(remote)!r}: {message}")


def get(connection: Connection, remote: PurePosixPath, local: Path, most_bytes: int) -> None:
    """Copy ``remote`` here: whole, under its name, or not at all. DeviceError where it cannot be
    read there, or has more than ``most_bytes``."""
    part = local.with_name(f"{local.name}.part.{secrets.token_hex(4)}")
    most_bytes += TRAILER_BYTES

    def arrived() -> int:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise DeviceError(
                f"{connection.name}: {str(remote)!r} is too large: more than {most_bytes:,} bytes"
            )
        return size

    try:
        with part.open("w+b") as file:
            message = _moved(
                connection,
                ["sh", "-c", GET, "sh", remote],
                arrived,
                lambda done: None,
                stdin=subprocess.DEVNULL,
                stdout=file,
            )
            if message is not None:
                raise DeviceError(f"{connection.name}: cannot read {str(remote)!r}: {message}")
            arrived()
            if not _is_whole(file):
                raise DeviceError(f"{connection.name}: {str(remote)!r} changed while it was read")
        os.replace(part, local)
    finally:
        part.unlink(missing_ok=True)


def _moved(
    connection: Connection,
    words: Sequence[str | PurePosixPath],
    place: Callable[[], int],
    show: Callable[[int], None],
    stdin: IO | int,
    stdout: IO | int,
) -> str | None:
    """Run ``words`` there until a file is moved; None, or in one line why the device refused.

    ``place``: how many bytes have gone by now. DeviceError where none go for long on a
    connection that lives: a disk that hangs.
    """
    with connection.running(words, stdin, stdout) as process:
        last, since = 0, time.monotonic()
        while True:
            try:
                message = communicated(process, None, LOOK_S, connection.stopped)[1].decode(
                    errors="replace"
                )
                break
            except subprocess.TimeoutExpired:
                if (now := place()) != last:
                    last, since = now, time.monotonic()
                    show(now)
                elif time.monotonic() - since > STALLED_S:
                    raise DeviceError(
                        f"{connection.name}: no byte was written or read for {STALLED_S:g} s; is "
                        "its disk, or SD card, broken?"
                    ) from None
    connection.check_connection(process.returncode, message)
    if process.returncode == 0:
        return None
    return " ".join(message.split()) or f"exit code {process.returncode}"


def _megabytes(show: Report, doing: str, size: int) -> Callable[[int], None]:
    """Shows how many of how many, no more than some twenty times."""
    total, shown = size // MB, 0

    def showing(done: int) -> None:
        nonlocal shown
        if done // MB > shown and (done // MB - shown) * SHOWN_PARTS >= total:
            shown = done // MB
            show(f"{doing}, MB", shown, total)

    return showing


def _is_whole(file: IO[bytes]) -> bool:
    """True where the hash after the content is its own, which is taken off."""
    size = file.seek(0, os.SEEK_END) - TRAILER_BYTES
    file.seek(max(0, size))
    trailer = TRAILER.fullmatch(file.read())
    if size < 0 or trailer is None:
        return False
    file.truncate(size)
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest().encode() == trailer[1]


def _free(connection: Connection, folder: PurePosixPath) -> str:
    done = connection.run(["df", "-Pk", "--", folder], FREE_S)
    kib = FREE.findall(done.stdout.decode(errors="replace"))
    return f"{int(kib[-1]) * 1024 / MB:.1f}" if kib else "an unknown number of"
