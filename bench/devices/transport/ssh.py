"""A device reached through the system's OpenSSH, with the user's configuration, keys and agent."""

import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import PurePosixPath
from typing import IO

from bench.devices.settings import DeviceSettings
from bench.devices.transport.login_shell import command_line
from bench.devices.transport.process import running, started
from bench.devices.transport.process_transport import SHELL_S, ProcessTransport
from bench.devices.transport.ssh_address import address_of
from bench.devices.transport.ssh_connection import SshConnection
from bench.devices.transport.ssh_failure import explained, last_line
from bench.devices.transport.transport import ExitCodeLost, Timeouts
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

LOST_S = 2.0
# Programs that go through one connection at a time. Beside them there is what is run meanwhile, and
# what has not quite ended.
SESSIONS, SPARE, FEWEST = 6, 2, 3
START_UP_ADVICE = (
    "if its ~/.bashrc, or what else its shell starts with, writes, reads input or starts another "
    "shell, let it do so for interactive shells only: case $- in *i*) ... ;; esac"
)
# Says that it runs, and waits.
WAIT = ["sh", "-c", "echo there; cat"]


class Ssh(ProcessTransport):
    """The Transport to ``settings.host``: what a person writes after ssh.

    One process holds the connection, all commands go through it and end with it; it ends with
    this process, however that ends. A server lets a connection have so many sessions (MaxSessions,
    10 by default): more than SESSIONS programs at a time, or as many as it has, make another. On a
    terminal, ssh may ask there for a password or about an unknown host key while ``connect`` runs;
    elsewhere, what would have to be asked is an error. RequestError for a host that is none.
    """

    lost_code = 255
    timeouts = Timeouts(connect_s=15, alive_interval_s=5, alive_count=3)

    def __init__(self, settings: DeviceSettings) -> None:
        super().__init__(settings.name)
        self._address = address_of(settings)
        self._master: SshConnection | None = None
        # Each connection, the first one too, with what was started through it.
        self._started: dict[SshConnection, list[subprocess.Popen]] = {}
        self._connecting, self._starting = threading.Lock(), threading.Lock()
        self._sessions: int | None = None  # that a connection may have for programs, once known

    def __enter__(self) -> "Ssh":
        self.connect()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def connect(self) -> None:
        """Open the connection, again if it was lost; DeviceError that says what to do otherwise."""
        with self._connecting:
            if self.is_connected():
                return
            self.close()
            if shutil.which("ssh") is None:
                raise DeviceError(
                    "no ssh on this machine; run sudo apt install openssh-client, or what your "
                    "system has instead"
                )
            try:
                self._master = self._opened_master()
                self.check_shell(START_UP_ADVICE)
                if self._sessions is None:
                    self._sessions = self._counted_sessions()
            except BaseException:
                self.close()
                raise

    def is_connected(self) -> bool:
        master = self._master
        return master is not None and master.is_alive()

    def close(self) -> None:
        """End the connection and what goes through it; a second time does nothing."""
        self._master = None
        with self._starting:
            masters, self._started = list(self._started), {}
        for master in masters:
            master.close()

    def argv(self, argv: Sequence[str | PurePosixPath]) -> list[str]:
        """The words to start here for ``argv`` to run there, standard input and output passed on.
        Exits with ``lost_code`` when the connection breaks, otherwise as Finished says."""
        return self._through(self._master, argv)

    def start(self, argv: Sequence[str | PurePosixPath]) -> subprocess.Popen:
        """A process here, its pipes and session its own, that passes on standard input and output
        of ``argv`` there; it exits as ``argv`` says."""
        with self._starting:
            master = self._with_room()
            process = started(self._through(master, argv))
            self._started[master].append(process)
        return process

    def running(
        self, argv: Sequence[str | PurePosixPath], stdin: IO | int, stdout: IO | int
    ) -> AbstractContextManager[subprocess.Popen]:
        """A process here that passes on standard input and output of ``argv`` there; standard error
        is a pipe. Ended after the block."""
        return running(self.argv(argv), stdin, stdout)

    def check_connection(self, code: int, last_words: str) -> None:
        """ConnectionLost where ``code`` of a process of ``argv`` says so."""
        if code != self.lost_code and code >= 0:
            return
        master = self._master
        if master is None or master.has_ended(LOST_S):
            reason = last_line(master.error_text() if master else "") or last_line(last_words)
            raise ConnectionLost(
                f"the connection to {self.name} broke{f': {reason}' if reason else ''}; is it "
                "still on, and on this network? then run the command again"
            )
        raise ExitCodeLost(
            f"{self.name} ended a command, or did not start it: {last_line(last_words) or code}; "
            "does sshd there allow several sessions (MaxSessions in sshd_config)?"
        )

    def _opened_master(self) -> SshConnection:
        may_ask = sys.stdin is not None and sys.stdin.isatty()
        # The agent and the jump hosts need time too; a person who is asked has all there is.
        limit_s = None if may_ask else 3 * self.timeouts.connect_s
        master = SshConnection(self._address, self.timeouts, may_ask)
        self._started[master] = []
        if not master.wait(limit_s):
            error_text = master.error_text()
            if master.is_alive():
                error_text += f"\nnot connected within {limit_s} s"
            reason = explained(self._address.host, self._address.typed, error_text)
            raise DeviceError(f"{self.name}: {reason}")
        return master

    def _counted_sessions(self) -> int:
        """The number of programs that a connection may run at a time, SESSIONS at most; beside them
        others that are over soon. DeviceError where there are too few for any bench."""
        with ExitStack() as ending:
            processes = [
                ending.enter_context(running(self.argv(WAIT), subprocess.PIPE, subprocess.PIPE))
                for _ in range(SESSIONS + SPARE)
            ]
            deadline = time.monotonic() + SHELL_S
            count = sum(_speaks(process, deadline) for process in processes)
            for process in processes:
                process.stdin.close()
            for process in processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOST_S)
        if count >= FEWEST:
            return count - SPARE
        if self._master is None or self._master.has_ended(LOST_S):
            self.check_connection(self.lost_code, "")
        raise DeviceError(
            f"{self.name} lets a connection have {count} sessions at a time; expected {FEWEST} or "
            "more: write MaxSessions 10 into /etc/ssh/sshd_config there, and run there: sudo "
            "systemctl reload ssh"
        )

    def _with_room(self) -> SshConnection | None:
        """A connection for one more program, made if the others are full; None: no connection."""
        if not self.is_connected():
            return self._master
        for master, processes in self._started.items():
            processes[:] = [process for process in processes if process.poll() is None]
            if len(processes) < (self._sessions or SESSIONS) and master.is_alive():
                return master
        return self._opened_master()

    def _through(
        self, master: SshConnection | None, argv: Sequence[str | PurePosixPath]
    ) -> list[str]:
        """No configuration: the connection has it all. Where there is none, no other is made."""
        if master is None:
            raise ConnectionLost(f"there is no connection to {self.name}")
        words = ["ssh", "-F", "none", "-S", str(master.socket), "-o", "ControlMaster=no"]
        words += ["-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-T"]
        return [*words, "--", self._address.host, command_line(argv)]


def _speaks(process: subprocess.Popen, deadline: float) -> bool:
    """True where it writes something before ``deadline``."""
    left_s = max(0.0, deadline - time.monotonic())
    return bool(select.select([process.stdout], [], [], left_s)[0] and process.stdout.readline())
