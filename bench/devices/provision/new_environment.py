"""A virtual environment on a device in the making."""

import contextlib
import json
import re
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePosixPath

from bench.devices.file_store import FileStore
from bench.devices.machine import Machine
from bench.devices.provision.device_pip import DevicePip
from bench.devices.provision.environment_script import BEGIN, FINISH, IMPORT, UNPACK, answer
from bench.devices.provision.pip_here import last_error
from bench.devices.provision.pip_wheel import pip_wheel
from bench.devices.provision.requirements import NUMPY, Selection, select
from bench.devices.provision.wheels import HostWheels
from bench.devices.transport.transport import Finished, Runs
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

STEP_S, ORDER_S = 600.0, 60.0
NEEDED_MB = 350  # numpy, three runtimes and their wheels, on x86-64
MODULES = {
    "numpy": "numpy",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
}


class NewEnvironment:
    """One making of an environment, under a name of its own until it is whole: a pip that goes on
    behind a line that broke does not write into the next one."""

    def __init__(
        self,
        transport: Runs,
        store: FileStore,
        machine: Machine,
        preferred: Mapping[str, str | None],
        show: Report,
    ) -> None:
        self._transport, self._store, self._machine = transport, store, machine
        self._preferred, self._show = preferred, show

    def make(self, home: PurePosixPath) -> list[str]:
        """Make it; the notes on it."""
        self._made = home.with_name(f"{home.name}.new.{secrets.token_hex(4)}")
        self._pip = DevicePip(self._transport, self._made)
        try:
            self._begin(home)
            selection = self._install()
            notes = [*selection.notes, *self._failed_imports(selection)]
            text = json.dumps({"versions": dict(selection.versions), "notes": notes})
            self._python(FINISH, "could not be finished", self._made, home, text)
        except BaseException:  # Ctrl-C too
            # Where the line has gone as well, the next making removes it: what to say is why.
            with contextlib.suppress(DeviceError):
                self._transport.run(["rm", "-rf", self._made], STEP_S)
            raise
        return notes

    def _begin(self, home: PurePosixPath) -> None:
        """An environment with pip and nothing else."""
        self._show("making a Python environment there")
        machine = self._machine
        words = ["sh", "-c", BEGIN, "sh", machine.python, home.parent, home, self._made]
        done = self._transport.run(words, STEP_S)
        if "No module named venv" in done.stderr:
            raise DeviceError(
                f"{machine.python} on {machine.name} has no venv; type there: "
                "sudo apt install python3-venv"
            )
        self._check(done, "cannot be made")
        wheel = self._store.put(pip_wheel(machine), self._show)
        self._python(UNPACK, "takes no pip", wheel)

    def _install(self) -> Selection:
        """Install what is to be had: from the device's indexes, else from here."""
        self._show("asking its package index")
        there = select(self._pip.available, self._preferred, self._machine)
        reason = self._pip.last_words
        if there and not self._more_here(there):
            self._show(f"installing {', '.join(there.requirements)}")
            done = self._pip.install(there.requirements)
            if done.code == 0:
                return there
            self._check_room(done)
            reason = last_error(done.stderr)
        if self._wheels.selection is None:
            raise self._nowhere(reason, self._wheels.last_words)
        return self._push(self._wheels)

    @cached_property
    def _wheels(self) -> HostWheels:
        """From this machine's indexes; where those lack something, from the device's own too, as
        that of Raspberry Pi OS, which have it for some kinds of boards only."""
        found = HostWheels(self._machine, self._preferred)
        if found.selection and len(found.selection.versions) == len(self._preferred):
            return found
        indexes = self._pip.indexes()
        return HostWheels(self._machine, self._preferred, indexes) if indexes else found

    def _more_here(self, there: Selection) -> bool:
        """Whether this machine's indexes have a package that the device's have not."""
        if len(there.versions) == len(self._preferred) or self._wheels.selection is None:
            return False
        return len(self._wheels.selection.versions) > len(there.versions)

    def _push(self, wheels: HostWheels) -> Selection:
        """Install wheels of this machine."""
        files = self._store.put_all(wheels.download(self._show), self._show)
        self._show(f"installing {', '.join(wheels.selection.requirements)}")
        self._check(self._pip.install_files(files), "takes no wheels")
        return wheels.selection

    def _failed_imports(self, selection: Selection) -> list[str]:
        """Notes on what was installed but does not run there."""
        self._show("trying what was installed")
        names = {MODULES[name]: name for name in selection.versions}
        said = self._python(IMPORT, "cannot be tried", *names)
        failed = {names[module]: why for module, why in said.items()}
        if NUMPY in failed:
            raise DeviceError(f"{self._machine.name}: numpy does not run there: {failed[NUMPY]}")
        return [f"{n} {selection.versions[n]} does not run there: {w}" for n, w in failed.items()]

    def _python(self, script: str, trouble: str, *words: str | PurePosixPath) -> dict:
        """``script`` run by the environment's Python, and its answer."""
        python = self._made / "bin" / "python"
        done = self._transport.run([python, "-I", "-", *words], STEP_S, script.encode())
        self._check(done, trouble)
        return answer(done.stdout) or {}

    def _check(self, done: Finished, trouble: str) -> None:
        """DeviceError unless it exited 0."""
        if done.code:
            self._check_room(done)
            where = f"{self._machine.name}: the Python environment in {self._made.parent}"
            raise DeviceError(f"{where} {trouble}: {last_error(done.stderr)}")

    def _check_room(self, done: Finished) -> None:
        """DeviceError where the device's file system is full."""
        if not re.search(r"\[Errno (28|122)\]|No space left|quota exceeded", done.stderr):
            return
        self._transport.run(["rm", "-rf", self._made], STEP_S)
        cache, name = self._machine.cache, self._machine.name
        said = self._transport.run(["df", "-Pk", cache], ORDER_S).stdout.decode(errors="replace")
        free = re.findall(r"\s(\d+)\s+\d+%", said)
        room = f"{int(free[-1]) // 1024} MB are free" if free else "it is not known what is free"
        raise DeviceError(
            f"{name} has no room for the Python environment in {cache}: {room}, some "
            f"{NEEDED_MB} are needed; make room there, or type: make device-clean DEVICE={name}"
        )

    def _nowhere(self, there: str, here: str) -> DeviceError:
        machine = self._machine
        return DeviceError(
            f"{machine.name}: no numpy for Python {machine.short_version} on {machine.machine} is "
            f"to be had, neither there ({there}) nor here ({here}); connect the device or this "
            "machine to a package index"
        )
