"""A tiny project with an emulated phone behind the real adb, disturbed while a bench is at work."""

import os
import re
from pathlib import Path

from commands import files_in
from device_android.emulated_phone import EmulatedPhone, Process
from processes import wait_until

from bench.__main__ import main
from bench.child import Child
from bench.history.records import Records
from bench.remote.adb import Adb
from bench.remote.phone_facts import CACHE
from bench.remote.remote import Remote

RUNNER, KEEP = "runner", "--keep"
SCREEN_AND_DOZE = "settings get global stay_on_while_plugged_in; dumpsys deviceidle enabled all"


class PhoneProject:
    """``phone`` is the only one that the bench's adb knows; ``folder`` is the current one."""

    def __init__(self, folder: Path, phone: EmulatedPhone, monkeypatch) -> None:
        self.folder, self.phone, self._patch = folder, phone, monkeypatch
        for name, value in phone.environment.items():
            monkeypatch.setenv(name, value)
        # An adb server that the bench starts leaves its keys there.
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setattr("bench.remote.remote.FIRST_PAUSE_S", 0.1)
        self.before = files_in(folder / "artifacts" / "tiny")

    def bench(self, *words, device="android", files="int8.tflite", runtimes="litert") -> int:
        """The exit code of ``bench run``."""
        chosen = ["--files", files, "--runtimes", runtimes, "--threads", "1"]
        asked = ["run", "--model", "tiny.keras", "--data", "data.npz", "--device", device]
        return main([*asked, *chosen, *map(str, words)])

    def at(self, place: str, fault) -> None:
        """``fault`` once: at "timing" when a turn is about to be taken, at "judging" when the first
        outputs are here, at "pushing" when the first file is about to be pushed."""
        kind, name = {"timing": (Child, "turn"), "judging": (Adb, "get"), "pushing": (Adb, "put")}[
            place
        ]
        plain, faults = getattr(kind, name), [fault]

        def disturbed(*words):
            if place == "judging":
                plain(*words)
            if faults:
                faults.pop()()
            return None if place == "judging" else plain(*words)

        self._patch.setattr(kind, name, disturbed)

    def impatient(self, reconnect_s: float) -> None:
        """A phone that does not come back is given up so soon."""
        self._patch.setattr(Remote.__init__, "__defaults__", (reconnect_s,))

    def kill(self, keeper: bool) -> None:
        """SIGKILL to the keeper, or to the runner of a job, which is the same program."""
        found = [one for one in self.at_work() if (KEEP in one.argv) == keeper]
        assert found
        for one in found:
            os.kill(one.pid, 9)

    def at_work(self) -> list[Process]:
        """The keeper and runners on the phone, without the shells that have started them."""
        return [one for one in self.phone.processes() if one.runs(RUNNER)]

    def is_free(self, phone: EmulatedPhone | None = None) -> bool:
        """Whether the phone is as before: nothing runs there, nothing is half there, and it may
        sleep again; all within seconds."""
        phone = phone or self.phone
        wait_until(lambda: not phone.processes(), 20)
        cache = phone.path(CACHE)
        assert not (cache / "awake").exists()
        names = [path.name for path in cache.rglob("*")]
        assert not [name for name in names if ".part" in name or ".new." in name]
        assert not list(cache.glob("running/*")) and not list(cache.glob("ended/*"))
        return phone.exec(["sh", "-c", SCREEN_AND_DOZE]).stdout.split() == ["0", "1"]

    def is_whole(self) -> bool:
        """Whether nothing here is half written: only the history was."""
        assert files_in(self.folder / "artifacts" / "tiny") == self.before
        return set(files_in(self.folder / "results")) <= {"bench.sqlite"}

    def rows(self) -> list:
        """The rows of the history, newest first."""
        return list(Records().each(limit=None))

    def is_right(self, row) -> bool:
        """Whether it says that everything was measured, and that every answer is right."""
        return (
            row.result.error is None and bool(row.result.samples_ns)
            and row.accuracy.images == 30 and row.accuracy.top1 == 1
        )  # fmt: skip


def is_lost(row) -> bool:
    """Whether a row says that the line was lost, and claims no accuracy."""
    return bool(re.search("connection lost", str(row.result.error))) and row.accuracy is None
