"""A real dropbear on a port of this machine: the small SSH server of routers and rescue systems. It
runs all programs of a connection in its own session."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from loopback_sshd import SERVER_FOLDERS, LoopbackServer

# It reads the keys in the home folder alone, over which one is laid that nobody else sees. Words:
# folder to lay it from, home, key; then the server.
START = """
mount -t tmpfs home "$1" && mkdir "$1/upper" "$1/work" &&
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" home "$2" &&
mkdir -p "$2/.ssh" && chmod 700 "$2" "$2/.ssh" && cp "$3" "$2/.ssh/authorized_keys" || exit
shift 3
exec "$@"
"""


class LoopbackDropbear(LoopbackServer):
    """For the current user, who has to be root; a context manager."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = shutil.which("dropbear", path=f"{os.environ['PATH']}:{SERVER_FOLDERS}")
        if self.program is None or shutil.which("dropbearconvert") is None:
            pytest.skip("no dropbear on this machine: sudo apt install dropbear-bin")
        if os.geteuid() != 0:
            pytest.skip("only root can lay another home folder over this user's")
        keys = [str(folder / "host_key"), str(folder / "dropbear_key")]
        subprocess.run(
            ["dropbearconvert", "openssh", "dropbear", *keys], check=True, capture_output=True
        )

    def start(self) -> None:
        (self.folder / "home").mkdir()
        words = [self.folder / "home", Path.home(), self.folder / "authorized_keys"]
        server = [self.program, "-F", "-E", "-p", f"127.0.0.1:{self.port}"]
        server += ["-r", self.folder / "dropbear_key", "-P", self.folder / "pid"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", START, "sh", *words, *server],
                stdin=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 10
        while not (self.folder / "pid").exists():
            written = (self.folder / "log").read_text()
            if self._process.poll() is not None:
                pytest.skip(f"dropbear does not start here: {written}")
            assert time.monotonic() < deadline, written
            time.sleep(0.02)
