"""Destination of ssh: what a person would write after it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from bench.devices.settings import DeviceSettings
from models.command_line.errors import RequestError

# ssh puts the host into the commands of a configuration's ProxyCommand, which a shell reads.
USER, NAME = r"[a-z0-9_.+][a-z0-9_.+-]*", r"[a-z0-9_.:%[\]][a-z0-9_.:%[\]-]*"
HOST = re.compile(rf"(ssh://)?({USER}@)?{NAME}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Address:
    """A host that is safe to give to ssh, and the words that name a configuration of its own."""

    host: str
    config: tuple[str, ...]

    @property
    def typed(self) -> str:
        """The command line that goes there."""
        return shlex.join(["ssh", *self.config, self.host])


def address_of(settings: DeviceSettings) -> Address:
    """The address of a device; RequestError, with what is expected, for one that is none."""
    host = settings.host
    if not HOST.fullmatch(host):
        raise RequestError(
            f"host of {settings.name} is {host!r}; expected a name, user@name or a Host of "
            "~/.ssh/config, made of letters, digits and . _ - : only"
        )
    if not settings.ssh_config:
        return Address(host, ())
    path = Path(settings.ssh_config).expanduser()
    if not path.is_file():
        raise RequestError(
            f"ssh_config of {settings.name} is {settings.ssh_config!r}; there is no such file"
        )
    return Address(host, ("-F", str(path)))
