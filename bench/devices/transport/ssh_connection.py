"""The one connection to a device that all commands share: an ssh process, and who watches it."""

import contextlib
import functools
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from bench.devices.transport.ssh_address import Address
from bench.devices.transport.transport import Timeouts
from models.command_line.scratch import scratch_folder

# A socket's path has 104 bytes on some systems, of which ssh takes 17 for a temporary name. It
# replaces %h and ${HOME} in it; of these, the second cannot be quoted.
LONGEST_FOLDER, REPLACED = 50, "%$"
LOOK_S, END_S = 0.02, 5.0
FORK = "ForkAfterAuthentication"  # of OpenSSH 8.7
# Whoever holds the other end of our standard input may die in any way: the connection goes with
# it. Ctrl-C is for whoever started us, who may still have something to say to the device. With the
# user's TMOUT, some shells would give up reading, and so end the connection.
# $1: folder of the socket; $2: whom to end, "" for the ssh alone; then the command of the ssh.
GUARD = """
trap '' HUP INT QUIT
unset TMOUT
folder=$1 whom=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
master=$!
trap '' TERM
(read -r _ <&3; kill "${whom:-$master}") &
watch=$!
wait "$master"
code=$?
kill -KILL "$watch"
rm -rf -- "$folder"
exit "$code"
"""


class SshConnection:
    """An ssh that holds a connection to ``address`` open and offers it through ``socket``.

    It ends with this process, however that ends. With ``may_ask`` it keeps the terminal, where
    ssh asks for passwords and about host keys.
    """

    def __init__(self, address: Address, timeouts: Timeouts, may_ask: bool) -> None:
        self._may_ask = may_ask
        with contextlib.ExitStack() as ending:
            folder = ending.enter_context(scratch_folder(_plain_folder()))
            self.socket = folder / "line"
            self._log = ending.enter_context((folder / "log").open("w+b"))
            self._guard = self._started(address, timeouts, folder)
            self._ending = ending.pop_all()

    def _started(self, address: Address, timeouts: Timeouts, folder: Path) -> subprocess.Popen:
        may_ask = self._may_ask
        words = ["ssh", *address.config, *_options(timeouts, may_ask), "-S", str(self.socket)]
        words += ["-M", "-N", "-T", "--", address.host]
        whom = "" if may_ask else "0"  # all of the session, a ProxyCommand too
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", str(folder), whom, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=not may_ask,
        )

    def wait(self, limit_s: float | None) -> bool:
        """Wait until commands can be given; False where it ended or ``limit_s`` is over."""
        deadline = None if limit_s is None else time.monotonic() + limit_s
        while self.is_alive():
            if self.socket.is_socket():
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return False

    def is_alive(self) -> bool:
        return self._guard.poll() is None

    def has_ended(self, within_s: float) -> bool:
        """Wait for its end: True where that comes within the time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(within_s)
        return not self.is_alive()

    def error_text(self) -> str:
        """Standard error of ssh until now."""
        if self._log.closed:
            return ""
        log = self._log.fileno()
        # Our place in the file is also that where ssh writes on.
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")

    def close(self) -> None:
        """End it and all that goes through it."""
        self._guard.stdin.close()
        if not self.has_ended(END_S):
            if not self._may_ask:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.kill()
            self.has_ended(END_S)
        self._ending.close()


def _options(timeouts: Timeouts, may_ask: bool) -> list[str]:
    """Options that must not be the user's choice: all else is as configured."""
    options = {
        "ControlPersist": "no",
        "ConnectTimeout": timeouts.connect_s,
        "ServerAliveInterval": timeouts.alive_interval_s,
        "ServerAliveCountMax": timeouts.alive_count,
        "LogLevel": "INFO",  # QUIET would not say why it failed
        "ClearAllForwardings": "yes",  # they may be in use by the user's own ssh
        "Tunnel": "no",
        "PermitLocalCommand": "no",  # it is for a person's login
    }
    if not may_ask:
        options["BatchMode"] = "yes"
    if _knows(FORK):
        options[FORK] = "no"  # it would outlive us, who wait for it
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


@functools.cache
def _knows(option: str) -> bool:
    """True if the ssh here knows ``option``: an older one refuses to start with it."""
    words = ["ssh", "-F", "none", "-G", "-o", f"{option}=no", "localhost"]
    nothing = subprocess.DEVNULL
    return subprocess.run(words, stdin=nothing, stdout=nothing, stderr=nothing).returncode == 0


def _plain_folder() -> str:
    folder = tempfile.gettempdir()
    is_plain = len(os.fsencode(folder)) <= LONGEST_FOLDER and not {*folder} & {*REPLACED}
    return folder if is_plain else "/tmp"
