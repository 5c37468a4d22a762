"""A real OpenSSH server on a port of this machine, with keys and a client's configuration."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from bench.devices.settings import DeviceSettings

NAME = "loopback"
SERVER_FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


class LoopbackServer:
    """An sshd in ``folder``, for the current user; a context manager. ``variables``: of what runs
    there, as "A=1 B=2"."""

    def __init__(self, folder: Path, extra: str = "", variables: str = "") -> None:
        self.program = shutil.which("sshd", path=f"{os.environ['PATH']}:{SERVER_FOLDERS}")
        if self.program is None or shutil.which("ssh-keygen") is None:
            pytest.skip("no OpenSSH server on this machine: sudo apt install openssh-server")
        self.folder, self.port, self._process = folder, free_port(), None
        folder.mkdir(parents=True)
        for name in ("host_key", "user_key"):
            make_key(folder / name)
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host_key\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile none\nUsePAM no\n"
            "StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            # As from within another shell: bash then leaves this user's own ~/.bashrc alone.
            "PermitRootLogin prohibit-password\nMaxStartups 100\n"
            f"SetEnv SHLVL=1 {variables}\n{extra}\n"
        )

    def __enter__(self) -> "LoopbackServer":
        if os.geteuid() == 0:  # what the service's own start script makes
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.kill_sessions()
        self.stop()

    def settings(self, **options) -> DeviceSettings:
        """A device reached through this server, ``options`` those of ``client_config``."""
        config = self.client_config(**options)
        return DeviceSettings("pi4", "ssh", NAME, ssh_config=str(config))

    def start(self) -> None:
        """Listen, at the same port as before."""
        command = [self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + 10
        while not _listens(self.port):
            written = (self.folder / "log").read_text()
            assert self._process.poll() is None and time.monotonic() < deadline, written
            time.sleep(0.02)

    def stop(self) -> None:
        """Listen no more; sessions go on, as theirs are other processes."""
        self._process.terminate()
        self._process.wait(10)

    def kill_sessions(self) -> None:
        """End every connection as a device does whose power is cut: nobody says good-bye."""
        for pid in _servers_below(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def sessions(self) -> int:
        """Number of connections now."""
        return len(_children(self._process.pid))

    def client_config(
        self,
        port: int | None = None,
        host_key: Path | None = None,
        user_key: Path | None = None,
        extra: str = "",
    ) -> Path:
        """A file for ``ssh -F`` that names this server NAME; ``port`` is that of a proxy."""
        number = len(list(self.folder.glob("client*")))
        known, path = self.folder / f"known_hosts{number}", self.folder / f"client{number}"
        key = (host_key or self.folder / "host_key").with_suffix(".pub")
        known.write_text(f"{NAME} {key.read_text()}" if key.exists() else "")
        path.write_text(
            f"Host {NAME} 127.0.0.1\n{extra}\n HostName 127.0.0.1\n Port {port or self.port}\n"
            f" HostKeyAlias {NAME}\n User {pwd.getpwuid(os.geteuid()).pw_name}\n"
            f" IdentityFile {user_key or self.folder / 'user_key'}\n"
            " IdentitiesOnly yes\n IdentityAgent none\n"
            f" UserKnownHostsFile {known}\n GlobalKnownHostsFile /dev/null\n"
        )
        return path


def make_key(path: Path) -> Path:
    """A key without a passphrase at ``path``."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def _servers_below(pid: int) -> list[int]:
    """The processes of sshd under ``pid``, not the programs that they run."""
    found = []
    for child in _children(pid):
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{child}/comm").read_text().startswith("sshd"):
                found += [child, *_servers_below(child)]
    return found
