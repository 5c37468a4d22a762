"""An adb server of a test's own, which no other adb on this machine talks to."""

import os
import socket
import subprocess
import time
from pathlib import Path

from arm64.missing import tool
from arm64.namespace import die_with_parent

START_S = 20.0


class AdbServer:
    """``with AdbServer(folder) as server``: the real one, which ends with the thread that entered.

    ``environment`` is what a process needs to use it and no other. The server's key and log are
    in ``folder``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "AdbServer":
        self._port = _free_port()
        self.start()
        return self

    def __exit__(self, *_) -> None:
        # A server that a client started in the place of a lost one is ended too.
        subprocess.run([tool("adb"), "kill-server"], env=self._all, capture_output=True)
        self._process.kill()
        self._process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that differ from ours."""
        return {"ANDROID_ADB_SERVER_PORT": str(self._port)}

    @property
    def process_id(self) -> int:
        """Of the server, for a test that stops it."""
        return self._process.pid

    @property
    def _all(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def start(self) -> None:
        """The server answers when this returns."""
        with (self._folder / "adb.log").open("a") as log:
            self._process = subprocess.Popen(
                [tool("adb"), "-L", f"tcp:{self._port}", "nodaemon", "server"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
                start_new_session=True,
                env={**self._all, "HOME": str(self._folder), "TMPDIR": str(self._folder)},
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "adb.log").read_text())
            time.sleep(0.02)

    def adb(self, *words: str, input=None, timeout_s: float = 120.0) -> subprocess.CompletedProcess:
        """The real client, run with ``words``; output is text, or bytes where ``input`` is."""
        return subprocess.run(
            [tool("adb"), *words], env=self._all, capture_output=True, timeout=timeout_s,
            text=not isinstance(input, bytes),
            **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}),
        )  # fmt: skip

    def _answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self._port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]
