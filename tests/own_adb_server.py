"""An adb server that is started as a user's is, by whoever asks first; nothing is left."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from loopback_sshd import free_port
from processes import wait_until

from bench.devices.transport.adb_program import has_adb


class OwnAdbServer:
    """The one at ``port``, whoever starts it; ``home`` takes its keys. A context manager: it is
    ended after the block, however it fares."""

    def __init__(self, home: Path) -> None:
        if not has_adb():
            pytest.skip("no adb on this machine: sudo apt install adb")
        self.port = free_port()
        self.variables = {"ANDROID_ADB_SERVER_PORT": str(self.port), "HOME": str(home)}

    def __enter__(self) -> "OwnAdbServer":
        return self

    def __exit__(self, *_) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.pids())

    def adb(self, *words: str) -> str:
        """Standard output of ``adb words``."""
        done = subprocess.run(
            ["adb", *words], env={**os.environ, **self.variables}, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=30,
        )  # fmt: skip
        return done.stdout

    def pids(self) -> list[int]:
        """The server's process, if it runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it ended
                continue
            if b"fork-server" in words and b"tcp:%d" % self.port in words:
                found.append(int(folder.name))
        return found

    def signal(self, number: int) -> None:
        for pid in self.pids():
            os.kill(pid, number)
