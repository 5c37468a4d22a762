"""A tiny project with a device reached through a real OpenSSH server, whose connection and runner
can be broken.

The device is this machine: its cache is a folder of the test, its Python is this one.
"""

import fcntl
import os
import signal
import sys
import threading
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from boards import runner_with
from commands import files_in
from loopback_sshd import LoopbackServer
from processes import ended, running, wait_until

from bench.__main__ import main
from bench.devices.lease.device_lease import DeviceLease
from bench.devices.transport.ssh import Ssh
from bench.devices.transport.transport import Timeouts
from bench.history.history import History

# The runner, the first time that it passes there so often, and no other: says so, and stalls.
STALLING = """import os
import time

passed = []


def stall_at(number, mark, device):
    passed.append(number)
    is_here = os.path.abspath(__file__).startswith(device)
    if is_here and len(passed) == number and not os.path.exists(mark):
        with open(mark, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)


class JobError(Exception):"""
PLACES = {
    "start": "    result = run(arguments, tell, packages)\n",
    "timing": "        return bool(sys.stdin.readline())\n",
    "evaluating": "        rows = []\n        for pixels in shard:\n",
}


class RemoteProject:
    """``server`` is what the device "pi" is reached at, by way of ``between`` (a BreakableRelay).

    ``folder`` is the current one. ``cache`` is all that may be written on the device.
    """

    def __init__(self, folder: Path, server: LoopbackServer, between, monkeypatch) -> None:
        self.folder, self.server, self.between = folder, server, between
        self.cache, self.mark = folder / "cache of pi", folder / "mark"
        self._patch = monkeypatch
        self.runner: Path | None = None
        self.settings: dict[str, dict] = {}
        self.add("pi", cache=str(self.cache))
        self.before = files_in(folder / "artifacts" / "tiny")

    def add(self, name: str, port: int | None = None, **settings) -> None:
        """One more device, or the same with other ``settings``, in devices.toml."""
        client = settings.pop("client", {})
        ready = {
            "host": "loopback",
            "python": sys.executable,
            "ssh_config": str(self.server.client_config(port or self.between.port, **client)),
        }
        self.settings[name] = {**self.settings.get(name, {}), **ready, **settings}
        (self.folder / "devices.toml").write_text(
            "".join(
                f'["{device}"]\ntransport = "ssh"\n'
                + "".join(f'{key} = "{value}"\n' for key, value in table.items())
                for device, table in self.settings.items()
            )
        )

    def impatient(self, lease_timeout_s: float = 3) -> None:
        """A connection is lost after 2 s of silence, a bench after ``lease_timeout_s``."""
        self._patch.setattr(Ssh, "timeouts", Timeouts(2, 1, 1))
        quick = partial(DeviceLease, lease_timeout_s=lease_timeout_s, heartbeat_s=0.5)
        self._patch.setattr("bench.devices.platform.DeviceLease", quick)

    def bench(self, *words, device="pi", files="int8.tflite", runtimes="litert") -> int:
        """The exit code of ``bench run``."""
        chosen = ["--files", files, "--runtimes", runtimes, "--threads", "1"]
        return main([*_run(device), *chosen, *map(str, words)])

    def stall(self, place: str, number: int = 1, *replaced: tuple[str, str]) -> None:
        """Let the first runner of "pi" that comes there for the ``number``-th time stall."""
        line = PLACES[place]
        indent, where = line[: len(line) - len(line.lstrip())], (str(self.mark), str(self.cache))
        call = f"{indent}from bench.on_device.job_error import stall_at\n"
        call += f"{indent}stall_at({number}, *{where!r})\n"
        self.run_there(("class JobError(Exception):", STALLING), (line, call + line), *replaced)

    def run_there(self, *replaced: tuple[str, str]) -> None:
        """The runner with texts replaced, each (old, new)."""
        self.runner = runner_with(self.folder, *replaced)
        self._patch.setattr("bench.devices.board.runner_file", lambda: nullcontext(self.runner))

    def stalls(self) -> bool:
        return self.mark.exists() and bool(self.mark.read_text())

    def when_it_stalls(self, fault) -> None:
        """Call ``fault`` as soon as the runner stalls there."""
        at_once(self.stalls, fault)

    def power_cut(self) -> None:
        """End the server, and whatever of the bench runs there, as when the power is cut."""
        pids = self.bench_processes()
        self.server.kill_sessions()
        self.server.stop()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def interrupt(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def bench_processes(self) -> list[int]:
        """Processes of the bench on the device: those of ssh are on this side of the connection."""
        return [pid for pid in running(self.cache) if _name(pid) != "ssh"]

    def ssh_processes(self) -> list[int]:
        """Those on this side that a bench started."""
        return running(self.settings["pi"]["ssh_config"])

    def is_free(self, within_s: float = 5) -> bool:
        """True if nothing runs there any more, no file is partial, and the lock can be had."""
        if not ended(self.cache, within_s):
            return False
        left = [p for p in self.cache.rglob("*") if ".part" in p.name or ".new." in p.name]
        left += [entry for name in ("running", "ended") for entry in self.cache.glob(f"{name}/*")]
        assert not left
        if (self.cache / "lock").exists():
            with (self.cache / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True

    def is_whole(self) -> bool:
        """True if nothing here is half written: only the history was."""
        assert files_in(self.folder / "artifacts" / "tiny") == self.before
        return set(files_in(self.folder / "results")) <= {"bench.sqlite"}

    def rows(self) -> list:
        """The rows of the history, newest first."""
        return list(History().each(limit=None))


def _run(device: str) -> list[str]:
    return ["run", "--model", "tiny.keras", "--data", "data.npz", "--device", device]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def at_once(holds, do) -> threading.Thread:
    """``do`` in a thread of its own as soon as ``holds()``."""

    def wait() -> None:
        wait_until(holds)
        do()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def error_line(capsys) -> str:
    """The one line that says why a command did not do its job."""
    shown = capsys.readouterr()
    found = [line for line in shown.err.splitlines() if line.startswith("error: ")]
    assert len(found) == 1 and "Traceback" not in shown.err, shown.err
    return found[0]
