"""A device without a board: started, reached by ssh, rebooted, cut off, looked into, ended."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from device_pi import internet, missing, server
from device_pi.machine_process import MachineProcess
from device_pi.missing import tool
from device_pi.places import ROOT
from device_pi.root import cached_root
from device_pi.settings import USER, USER_ID, Settings

USERS = {"root": 0, USER: USER_ID}
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


class EmulatedPi:
    """``with EmulatedPi() as pi``: a clean device; what is written on it goes when it goes.

    ``options`` are those of Settings: internet, cpu, disk_mib, small_disks_mib. Times on it are
    an emulator's and mean nothing. Entering raises CannotEmulate where it cannot be made.
    """

    host, user, name = server.HOST, USER, server.NAME

    def __init__(self, **options) -> None:
        self._options = options

    def __enter__(self) -> "EmulatedPi":
        missing.check()
        root = cached_root()
        with ExitStack() as started:
            self.folder = Path(
                started.enter_context(
                    # The machine takes it away too, if it is the last to go.
                    tempfile.TemporaryDirectory(prefix="device_pi_", ignore_cleanup_errors=True)
                )
            )
            self._settings = Settings(str(root), str(self.folder), **self._options)
            keys = server.make_keys(self.folder)
            (self.folder / "sshd_config").write_text(server.server_config(self._settings.cpu))
            self._machine = MachineProcess(self._settings)
            started.callback(self._machine.close)
            self.port, self.identity = self._machine.port, keys.identity
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
        """What the OpenSSH server has to say."""
        return (self.folder / "sshd.log").read_text()

    def ssh_command(self, *words: str) -> list[str]:
        """The argv that runs ``words``, which a shell of the device reads, over ssh."""
        return [tool("ssh"), "-F", str(self.ssh_config), self.name, *words]

    def path(self, path: str) -> Path:
        """A file of the device as this machine sees it, while the device is on."""
        return Path(f"/proc/{self._holder}/root{ROOT}") / path.lstrip("/")

    def exec(
        self, argv: Sequence[str], user: str = USER, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess:
        """``argv`` run inside, past the server: for a test to see what is there."""
        held = f"/proc/{self._holder}/ns"
        spaces = ["user", "mnt", "uts", "ipc"] + ([] if self._settings.internet else ["net"])
        names = {"mnt": "mount"}
        command = [tool("nsenter"), f"--pid={held}/pid_for_children"]
        command += [f"--{names.get(space, space)}={held}/{space}" for space in spaces]
        command += ["env", "-i", f"PATH={PATH}", f"USER={user}", f"QEMU_CPU={self._settings.cpu}"]
        command += [f"HOME={'/root' if user == 'root' else f'/home/{user}'}"]
        number = USERS[user]
        command += [tool("chroot"), f"--userspec={number}:{number}", str(ROOT), *argv]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)

    def power_on(self) -> None:
        """Boots; connections are accepted when this returns."""
        self._holder = int(self._machine.ask("on"))

    def power_off(self) -> None:
        """Ends all that runs on the device; connections are refused until it is on again."""
        self._machine.ask("off")

    def reboot(self, pause_s: float = 0.0) -> None:
        """Off for that long, and on again: the same port, the same keys, the same files."""
        self.power_off()
        time.sleep(pause_s)
        self.power_on()

    def disconnect(self) -> None:
        """Ends the connections, with what serves them; what was started goes on if it can."""
        self._machine.ask(f"signal {signal.SIGKILL:d}")

    def hang(self) -> None:
        """From now on the connections that there are stay open and silent, as without a cable."""
        self._machine.ask(f"signal {signal.SIGSTOP:d}")

    def resume(self) -> None:
        """The end of ``hang``."""
        self._machine.ask(f"signal {signal.SIGCONT:d}")

    def wait(self) -> None:
        """Returns when the device has ended by itself."""
        self._machine.wait()

    def _authorize(self, keys: server.Keys) -> None:
        authorized = self.path(f"/home/{USER}/.ssh/authorized_keys")
        authorized.parent.mkdir()
        authorized.write_text(keys.public_identity + "\n")
        for path, mode in ((authorized.parent, 0o700), (authorized, 0o600)):
            os.chown(path, USER_ID, USER_ID)
            path.chmod(mode)
