"""The keys and settings of the OpenSSH server, and of a client that is to reach it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from arm64.missing import tool
from arm64.places import ROOT, STATE

from device_pi.settings import USER

HOST, NAME = "127.0.0.1", "emulated-pi"


@dataclass(frozen=True)
class Keys:
    """The server's host key and the user's key, made for one device; public ones are lines."""

    folder: Path

    @property
    def identity(self) -> Path:
        return self.folder / "user_key"

    @property
    def public_host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text().strip()

    @property
    def public_identity(self) -> str:
        return (self.folder / "user_key.pub").read_text().strip()


def make_keys(folder: Path) -> Keys:
    """New keys in ``folder``."""
    for name in ("host_key", "user_key"):
        make_key(folder / name)
    return Keys(folder)


def make_key(path: Path) -> None:
    """A key without a passphrase at ``path``, its public half beside it."""
    command = [tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def server_config(cpu: str) -> str:
    """sshd_config(5): only that user, only by key, and inside the device's root.

    The home folder is found in the device, hence StrictModes, which would check the path to it.
    """
    return f"""\
HostKey {STATE}/host_key
AuthorizedKeysFile {ROOT}/home/{USER}/.ssh/authorized_keys
StrictModes no
AllowUsers {USER}
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
ChrootDirectory {ROOT}
Subsystem sftp internal-sftp
SetEnv QEMU_CPU={cpu}
PrintMotd no
PrintLastLog no
PidFile none
LogLevel VERBOSE
"""


def known_hosts(keys: Keys, port: int) -> str:
    """known_hosts: the line for this server."""
    kind, key = keys.public_host_key.split()[:2]
    return f"[{HOST}]:{port} {kind} {key}\n"


def client_config(keys: Keys, port: int) -> str:
    """ssh_config(5) for ``ssh -F``; the device's name in it is NAME."""
    return f"""\
Host {NAME}
    HostName {HOST}
    Port {port}
    User {USER}
    IdentityFile "{keys.identity}"
    IdentitiesOnly yes
    UserKnownHostsFile "{keys.folder}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
