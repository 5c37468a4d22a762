"""A phone without a phone: reached by the real adb, disturbed, rebooted, looked into, ended."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from arm64 import missing
from arm64.device import Device, state_folder

from device_android.adb_server import AdbServer
from device_android.authorization import Consent
from device_android.daemon import ENVIRONMENT
from device_android.faults import DIRECTIONS
from device_android.root import INSTALL, cached_root
from device_android.settings import DEVICE, USER_ID, Settings

TOOLS = ("adb",)
# qemu and what it runs, as the kernel starts it for an arm64 program.
EMULATOR = "qemu"
# What the loaders of the C library and of Android are called, whose next words are the program.
LOADERS = ("ld-linux", "linker")


@dataclass(frozen=True)
class Process:
    """``pid`` is this machine's number of it, ``argv`` without the emulator's part."""

    pid: int
    argv: tuple[str, ...]

    def runs(self, name: str) -> bool:
        """True where that is the file name of its program, be it by way of a loader."""
        loaded = Path(self.argv[0]).name.startswith(LOADERS)
        return any(Path(word).name == name for word in self.argv[: None if loaded else 1])


class EmulatedPhone(Device):
    """``with EmulatedPhone() as phone``: a clean phone, connected to an adb server of its own.

    ``options`` are those of Settings: cpu, disk_mib, small_disks_mib. ``consent`` is what its
    owner says to the server's key. Times on it are an emulator's and mean nothing. Entering raises
    CannotEmulate where it cannot be made.
    """

    def __init__(self, consent: Consent = Consent.OPEN, **options) -> None:
        self._first_consent, self._options = consent, options

    def __enter__(self) -> "EmulatedPhone":
        missing.check(DEVICE, TOOLS, INSTALL)
        root = cached_root()
        with ExitStack() as started:
            self.folder = state_folder("device_android_", started)
            (self.folder / "adb").mkdir()
            self.server = started.enter_context(AdbServer(self.folder / "adb"))
            self._start(Settings(str(root), str(self.folder), **self._options), started)
            self.power_on()
            self.consent(self._first_consent)
            self.connect()
            self._started = started.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._started.close()

    @property
    def serial(self) -> str:
        """The name for ``adb -s``."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a process sees this phone and no other."""
        return self.server.environment

    def adb(self, *words: str, input=None, timeout_s: float = 120.0) -> subprocess.CompletedProcess:
        """``adb -s SERIAL words``."""
        return self.server.adb("-s", self.serial, *words, input=input, timeout_s=timeout_s)

    def connect(self) -> None:
        """As a user does it by hand; it may be refused."""
        self.server.adb("connect", self.serial)

    def state(self) -> str:
        """The word of ``adb devices`` for the phone; empty where it is not listed."""
        rows = map(str.split, self.server.adb("devices").stdout.splitlines()[1:])
        return next((row[1] for row in rows if row and row[0] == self.serial), "")

    def exec(self, argv: Sequence[str], timeout_s: float = 120.0) -> subprocess.CompletedProcess:
        """``argv`` run by the shell user, past adb: for a test to see what is there."""
        return self._exec(argv, ENVIRONMENT, USER_ID, timeout_s)

    def processes(self) -> list[Process]:
        """The processes of the shell user, the daemon aside."""
        space = os.readlink(f"/proc/{self._holder}/ns/pid_for_children")
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                argv = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")[:-1]
                if os.readlink(folder / "ns" / "pid") == space and argv and EMULATOR in argv[0]:
                    # With flag P the emulator gets its own path, the program's and its argv.
                    found.append(Process(int(folder.name), tuple(argv[2:])))
        return sorted(found, key=lambda process: process.pid)

    def kill(self, name: str) -> int:
        """SIGKILL to every process that runs the program of that file name; how many there were."""
        found = [one for one in self.processes() if one.runs(name)]
        for one in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        return len(found)

    def cut_at(self, number: int, directions: Sequence[str] = DIRECTIONS) -> None:
        """Lose the ``number``-th packet of adb's protocol from now, and the connection with it."""
        self._order("cut_at", number, list(directions))

    def is_cut_due(self) -> bool:
        """True until that packet has come."""
        return self._order("is_cut_due") == "1"

    def packets(self, direction: str) -> int:
        """The number that have passed in that direction since the phone was switched on."""
        return int(self._order("packets", direction))

    def hold(self, pause_s: float) -> None:
        """Nothing passes, either way, for that long."""
        self._order("hold", pause_s)

    def truncate_push(self, keep_bytes: int) -> None:
        """The next file pushed, or piped to a program, ends after that many bytes, and the phone
        says all is well."""
        self._order("truncate_push", keep_bytes)

    def disconnect(self) -> None:
        """End the connections that there are; the server may come again at once."""
        self._order("disconnect")

    def go_offline(self) -> None:
        """The daemon is there and answers nobody: ``offline``."""
        self._order("go_offline")

    def come_back(self) -> None:
        """The end of ``go_offline``."""
        self._order("come_back")

    def consent(self, consent: Consent) -> None:
        """Set the owner's answer to servers that connect from now on."""
        self._order("consent", consent)

    def forget_keys(self) -> None:
        """Forget which servers were allowed."""
        self._order("forget_keys")

    def _order(self, *words) -> str:
        return self._machine.ask(json.dumps(words))
