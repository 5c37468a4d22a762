"""A phone reached through the ``adb`` program and its server, over USB or a network."""

import contextlib
import shlex
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO

from bench.devices.settings import DeviceSettings
from bench.devices.transport.adb_connection import ECHO, AdbConnection
from bench.devices.transport.adb_phones import forget, ready_phone
from bench.devices.transport.adb_process import LOST_CODE, RUN, AdbProcess
from bench.devices.transport.adb_program import adb_program, ask_adb
from bench.devices.transport.process import running, started
from bench.devices.transport.process_transport import ProcessTransport
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import ExitCodeLost, Timeouts
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

LOST_S = 2.0
ORDER_S = 30.0
SHELL_V2 = "shell_v2"


class Adb(ProcessTransport):
    """The Transport to the phone ``settings.serial``, to the only one there is for "".

    A phone at a host:port that adb has not connected to is connected to, and stays so; the adb
    server, if this starts it, stays too, for others may use it by then. Programs that go through
    one connection end with it, files too: those are piped through programs that check them there.
    """

    lost_code = LOST_CODE
    timeouts = Timeouts(connect_s=15, alive_interval_s=5, alive_count=3)

    def __init__(self, settings: DeviceSettings) -> None:
        super().__init__(settings.name)
        self._serial = settings.serial
        self._connection: AdbConnection | None = None
        self._connecting = threading.Lock()
        self._closed = threading.Event()

    def __enter__(self) -> "Adb":
        self.connect()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def serial(self) -> str:
        """Serial of the phone that is, or is to be, connected to; "": the only one."""
        return self._serial

    def connect(self) -> None:
        """Open the connection, again if it was lost; DeviceError that says what to do otherwise."""
        with self._connecting:
            if self.is_connected():
                return
            self.close()
            self._closed = threading.Event()
            try:
                self._find_phone()
                self._open_connection()
                self.check_shell("is that an Android phone?")
                self._check_programs()
            except BaseException:
                self.close()
                raise

    def is_connected(self) -> bool:
        connection = self._connection
        return connection is not None and connection.is_alive()

    def close(self) -> None:
        """End the connection and what goes through it; a second time does nothing."""
        self._closed.set()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def start(self, argv: Sequence[str | PurePosixPath]) -> subprocess.Popen:
        """A process here, its pipes and session its own, that passes on standard input and output
        of ``argv`` there; it exits as ``argv`` says."""
        connection = self._live_connection()
        process = started(self._words(argv), AdbProcess)
        connection.add(process)
        return process

    @contextlib.contextmanager
    def running(
        self, argv: Sequence[str | PurePosixPath], stdin: IO | int, stdout: IO | int
    ) -> Iterator[subprocess.Popen]:
        """A process here that passes on standard input and output of ``argv`` there, and ends with
        the connection; standard error is a pipe. Ended after the block."""
        connection = self._live_connection()
        with (
            running(self._words(argv), stdin, stdout, AdbProcess) as process,
            connection.carrying(process),
        ):
            yield process

    def check_connection(self, code: int, last_words: str) -> None:
        """ConnectionLost where ``code`` of a process of ``running`` says so."""
        if code != self.lost_code and code >= 0:
            return
        connection = self._connection
        if connection is None or connection.has_ended(LOST_S):
            reason = last_line(last_words) or (connection.end_reason() if connection else "")
            raise ConnectionLost(
                f"the connection to {self.name} broke{f': {reason}' if reason else ''}; is its "
                "cable in, or its Wi-Fi on? then run the command again"
            )
        raise ExitCodeLost(
            f"{self.name} ended a command, or did not start it: "
            f"{last_line(last_words) or 'no reason given'}"
        )

    def _find_phone(self) -> None:
        """DeviceError where it is not there, or not to be used."""
        try:
            ask_adb(["start-server"], self._closed)
            # From now on it is this one that is meant, whatever else is plugged in.
            limit_s = self.timeouts.connect_s
            self._serial = ready_phone(self._serial, limit_s, self._closed).serial
            self._check_features()
        except DeviceError as error:
            raise DeviceError(f"{self.name}: {error}") from error

    def _open_connection(self) -> None:
        connection = AdbConnection(self._words(["sh", "-c", ECHO]), self.timeouts)
        self._connection = connection  # whoever closes this meanwhile ends it
        if self._closed.is_set():
            connection.close()
        if not connection.wait(self.timeouts.connect_s):
            reason = connection.end_reason() or f"no answer within {self.timeouts.connect_s} s"
            if connection.is_silent():
                forget(self._serial, self._closed)
            raise DeviceError(
                f"{self.name}: {self._serial} is listed, but runs no commands: {reason}; unplug it "
                "and connect it again"
            )

    def _live_connection(self) -> AdbConnection:
        connection = self._connection
        if connection is None or not connection.is_alive():
            reason = (
                f": {connection.end_reason()}" if connection and connection.end_reason() else ""
            )
            raise ConnectionLost(f"there is no connection to {self.name}{reason}")
        return connection

    def _check_features(self) -> None:
        """DeviceError where outputs would come mixed, and no exit codes."""
        answer = ask_adb(["-s", self._serial, "features"], self._closed)
        if answer.code:
            raise DeviceError(
                f"{self._serial} does not say what it can do: {last_line(answer.output)}; unplug "
                "it and connect it again"
            )
        if SHELL_V2 not in answer.output.split():
            raise DeviceError(
                f"{self._serial} has an adb without {SHELL_V2}; expected Android 7 or later"
            )

    def _check_programs(self) -> None:
        done = self.run(["sha256sum"], ORDER_S)
        if done.code:
            raise DeviceError(
                f"{self.name} has no sha256sum ({last_line(done.stderr)}); expected Android 7 "
                "or later, with its toybox"
            )

    def _words(self, argv: Sequence[str | PurePosixPath]) -> list[str]:
        """The words to start here for ``argv`` to run there. Without -n, which would keep standard
        input from it, and without a terminal, which would change what passes."""
        command = shlex.join(["sh", "-c", RUN, "sh", *map(str, argv)])
        return [adb_program(), "-s", self._serial, "shell", "-T", command]
