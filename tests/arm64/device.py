"""Base of the emulated devices: switched on and off, looked into, ended."""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from arm64.machine_process import MachineProcess
from arm64.missing import tool
from arm64.places import ROOT
from arm64.settings import Settings


class Device:
    """A machine that was started; ``_start`` is for those that inherit from this."""

    def _start(self, settings: Settings, started: ExitStack) -> None:
        """Makes the machine and leaves it off; it ends with ``started``."""
        self._settings = settings
        self._machine = MachineProcess(settings)
        started.callback(self._machine.close)
        self.port = self._machine.port

    def path(self, path: str) -> Path:
        """A file of the device as this machine sees it, while the device is on."""
        return Path(f"/proc/{self._holder}/root{ROOT}") / path.lstrip("/")

    def _exec(
        self, argv: Sequence[str], variables: dict[str, str], user_id: int, timeout_s: float
    ) -> subprocess.CompletedProcess:
        """``argv`` run inside, past whatever serves the device."""
        namespaces = f"/proc/{self._holder}/ns"
        spaces = ["user", "mnt", "uts", "ipc"] + ([] if self._settings.internet else ["net"])
        names = {"mnt": "mount"}
        command = [tool("nsenter"), f"--pid={namespaces}/pid_for_children"]
        command += [f"--{names.get(space, space)}={namespaces}/{space}" for space in spaces]
        command += ["env", "-i", f"QEMU_CPU={self._settings.cpu}"]
        command += [f"{name}={value}" for name, value in variables.items()]
        command += [tool("chroot"), f"--userspec={user_id}:{user_id}", str(ROOT), *argv]
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

    def wait(self) -> None:
        """Returns when the device has ended by itself."""
        self._machine.wait()


def state_folder(prefix: str, started: ExitStack) -> Path:
    """A new folder for what a device keeps on this machine, which the machine takes away too if
    it is the last to go."""
    made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    return Path(started.enter_context(made))
