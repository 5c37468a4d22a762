"""A device without a board: started, reached by ssh, rebooted, cut off, looked into, ended."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from arm64 import missing
from arm64.device import Device, state_folder
from arm64.missing import tool

from device_pi import internet, server
from device_pi.root import INSTALL, cached_root
from device_pi.settings import DEVICE, USER, USER_ID, Settings

TOOLS = ("ssh", "ssh-keygen", "sshd")
USERS = {"root": 0, USER: USER_ID}
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


class EmulatedPi(Device):
    """``with EmulatedPi() as pi``: a clean device; what is written on it goes when it goes.

    ``options`` are those of Settings: internet, cpu, disk_mib, small_disks_mib. Times on it are
    an emulator's and mean nothing. Entering raises CannotEmulate where it cannot be made.
    """

    host, user, name = server.HOST, USER, server.NAME

    def __init__(self, **options) -> None:
        self._options = options

    def __enter__(self) -> "EmulatedPi":
        missing.check(DEVICE, TOOLS, INSTALL)
        root = cached_root()
        with ExitStack() as started:
            self.folder = state_folder("device_pi_", started)
            settings = Settings(str(root), str(self.folder), **self._options)
            keys = server.make_keys(self.folder)
            (self.folder / "sshd_config").write_text(server.server_config(settings.cpu))
            self._start(settings, started)
            self.identity = keys.identity
            self.known_hosts.write_text(server.known_hosts(keys, self.port))
            self.ssh_config.write_text(server.client_config(keys, self.port))
            self.power_on()
            self._authorize(keys)
            if self._settings.internet:
                internet.share(self.path("/"))
            self._started = started.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._started.close()

    @property
    def ssh_config(self) -> Path:
        """For ``ssh -F``, with ``name`` as the host."""
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """A file with the device's host key, as one would have after the first connection."""
        return self.folder / "known_hosts"

    @property
    def server_log(self) -> str:
        """Log of the OpenSSH server."""
        return (self.folder / "sshd.log").read_text()

    def ssh_command(self, *words: str) -> list[str]:
        """The argv that runs ``words``, which a shell of the device reads, over ssh."""
        return [tool("ssh"), "-F", str(self.ssh_config), self.name, *words]

    def exec(
        self, argv: Sequence[str], user: str = USER, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess:
        """``argv`` run inside, past the server: for a test to see what is there."""
        home = "/root" if user == "root" else f"/home/{user}"
        variables = {"PATH": PATH, "USER": user, "HOME": home}
        return self._exec(argv, variables, USERS[user], timeout_s)

    def disconnect(self) -> None:
        """Ends the connections, with what serves them; what was started goes on if it can."""
        self._machine.ask(f"signal {signal.SIGKILL:d}")

    def hang(self) -> None:
        """From now on the connections that there are stay open and silent, as without a cable."""
        self._machine.ask(f"signal {signal.SIGSTOP:d}")

    def resume(self) -> None:
        """The end of ``hang``."""
        self._machine.ask(f"signal {signal.SIGCONT:d}")

    def _authorize(self, keys: server.Keys) -> None:
        authorized = self.path(f"/home/{USER}/.ssh/authorized_keys")
        authorized.parent.mkdir()
        authorized.write_text(keys.public_identity + "\n")
        for path, mode in ((authorized.parent, 0o700), (authorized, 0o600)):
            os.chown(path, USER_ID, USER_ID)
            path.chmod(mode)
