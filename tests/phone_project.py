"""A tiny project with an emulated phone over the real adb, disturbed while a bench runs."""

import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

from commands import files_in
from device_android.emulated_phone import EmulatedPhone, Process
from processes import wait_until

from bench.__main__ import main
from bench.devices.native.bundle import Bundle, bundle_for
from bench.devices.phone_facts import CACHE
from bench.devices.remote_device import RemoteDevice
from bench.devices.runner_process import RunnerProcess
from bench.devices.transport.adb import Adb
from bench.history.history import History

RUNNER, AGENT = "runner", ".sh"  # how the name of its file ends there
# A file of so many bytes takes its time; of those that are pushed LiteRT alone does.
LIBRARY_BYTES = 4_000_000
# Nothing here is run in it, and an emulator takes many seconds to look whether it is there.
LEFT_OUT = "libonnxruntime"
SCREEN_AND_DOZE = "settings get global stay_on_while_plugged_in; dumpsys deviceidle enabled all"


class PhoneProject:
    """``phone`` is the only one that the bench's adb knows; ``folder`` is the current one."""

    def __init__(self, folder: Path, phone: EmulatedPhone, monkeypatch) -> None:
        self.folder, self.phone, self._patch = folder, phone, monkeypatch
        for name, value in phone.environment.items():
            monkeypatch.setenv(name, value)
        # An adb server that the bench starts leaves its keys there.
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setattr("bench.devices.reconnect.FIRST_PAUSE_S", 0.1)
        monkeypatch.setattr("bench.devices.phone.bundle_for", _small_bundle)
        self.before = files_in(folder / "artifacts" / "tiny")

    def bench(self, *words, device="android", files="int8.tflite", runtimes="litert") -> int:
        """The exit code of ``bench run``."""
        chosen = ["--files", files, "--runtimes", runtimes, "--threads", "1"]
        asked = ["run", "--model", "tiny.keras", "--data", "data.npz", "--device", device]
        return main([*asked, *chosen, *map(str, words)])

    def at(self, place: str, fault) -> None:
        """``fault`` once: at "timing" when a turn is about to be taken, at "evaluating" when the
        first outputs are here, at "pushing" while a library is pushed."""
        faults, taking = [fault], threading.Lock()
        turn, get, put = RunnerProcess.turn, Adb.get, Adb.put

        def once() -> None:
            with taking:
                due = faults.pop() if faults else lambda: None
            due()

        def disturbed_turn(child: RunnerProcess) -> bool:
            once()
            return turn(child)

        def disturbed_get(line: Adb, *words) -> None:
            get(line, *words)
            once()

        def disturbed_put(line: Adb, local: Path, *words) -> None:
            if local.stat().st_size > LIBRARY_BYTES:
                threading.Timer(0.3, once).start()
            put(line, local, *words)

        kind, name, disturbed = {
            "timing": (RunnerProcess, "turn", disturbed_turn),
            "evaluating": (Adb, "get", disturbed_get),
            "pushing": (Adb, "put", disturbed_put),
        }[place]
        self._patch.setattr(kind, name, disturbed)

    def forget_library(self) -> None:
        """The phone loses its largest file, so that the next bench pushes that."""
        for path in self.phone.path(f"{CACHE}/files").glob("*"):
            if path.stat().st_size > LIBRARY_BYTES:
                path.unlink()

    def impatient(self, reconnect_s: float) -> None:
        """A phone that does not come back is given up so soon."""
        self._patch.setattr(RemoteDevice.__init__, "__defaults__", (reconnect_s,))

    def kill(self, what: str) -> None:
        """SIGKILL to the "agent" with its watchdog, or to the first "runner" of a job or its
        "worker", which are the same program."""
        if what == "agent":
            found = [one for one in self.phone.processes() if _is_agent(one)]
        else:
            found = [self.runners()[what == "worker"]]
        for process in found:
            os.kill(process.pid, signal.SIGKILL)

    def runners(self) -> list[Process]:
        """The runners on the phone, without the shells that have started them."""
        return [one for one in self.phone.processes() if one.runs(RUNNER)]

    def is_free(self, phone: EmulatedPhone | None = None) -> bool:
        """True where the phone is as before: nothing runs there, nothing is half there, and it may
        sleep again, soon after its end."""
        phone = phone or self.phone
        wait_until(lambda: not phone.processes(), 40)
        cache = phone.path(CACHE)
        assert not (cache / "awake").exists()
        names = [path.name for path in cache.rglob("*")]
        assert not [name for name in names if ".part" in name or ".new." in name]
        assert not list(cache.glob("running/*")) and not list(cache.glob("ended/*"))
        return phone.exec(["sh", "-c", SCREEN_AND_DOZE]).stdout.split() == ["0", "1"]

    def is_whole(self) -> bool:
        """True where nothing here is half written: only the history was."""
        assert files_in(self.folder / "artifacts" / "tiny") == self.before
        return set(files_in(self.folder / "results")) <= {"bench.sqlite"}

    def rows(self) -> list:
        """The rows of the history, newest first."""
        return list(History().each(limit=None))

    def is_right(self, row) -> bool:
        """True where everything was measured, and every answer is right."""
        return (
            row.result.error is None and bool(row.result.samples_ns)
            and row.accuracy.images == 30 and row.accuracy.top1 == 1
        )  # fmt: skip


def _small_bundle(*words) -> Bundle:
    found = bundle_for(*words)
    names = tuple(name for name in found.names if not name.startswith(LEFT_OUT))
    return replace(found, names=names)


def is_lost(row) -> bool:
    """True if a row says that the connection was lost, and claims no accuracy."""
    return bool(re.search("connection lost", str(row.result.error))) and row.accuracy is None


def _is_agent(process: Process) -> bool:
    return process.argv[1:2] != () and process.argv[1].endswith(AGENT)
