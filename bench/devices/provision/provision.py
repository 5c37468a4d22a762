"""Python packages for the runner on a device: downloaded here as wheels, pushed and unpacked there.

The device needs Python and nothing else: no pip, no virtual environment, no package index.
"""

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from bench.devices.file_store import FileStore
from bench.devices.machine import Machine
from bench.devices.provision import package_folder
from bench.devices.provision.device_indexes import device_indexes
from bench.devices.provision.package_folder import answer
from bench.devices.provision.requirements import NUMPY, Selection, versions_here
from bench.devices.provision.wheels import HostWheels
from bench.devices.transport.transport import Finished, Runs
from models.command_line.advice import make_line
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


def provision(
    transport: Runs, store: FileStore, machine: Machine, note: Callable[[str], None], show: Report
) -> tuple[str, ...]:
    """The words that start the device's Python with numpy and the runtimes that there are for it,
    which are put there unless they are there and whole. ``note`` is told what differs from here.

    DeviceError, in one line, where they cannot be had.
    """
    preferred = versions_here()
    folder = machine.cache / "python" / _key(machine, preferred)
    packages = Packages(transport, store, machine, folder)
    show("checking its Python packages")
    notes = packages.notes_of_whole()
    if notes is None:
        notes = packages.install(_wheels(transport, machine, preferred), show)
    for line in notes:
        note(f"{machine.name}: {line}")
    return packages.python(folder)


def _key(machine: Machine, preferred: Mapping[str, str | None]) -> str:
    """Other versions here, or another Python there, make another folder."""
    remote = [str(machine.python), machine.python_version, machine.machine, machine.libc_version]
    asked = json.dumps([remote, sorted(preferred.items(), key=str)])
    return f"{machine.short_version}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"


def _wheels(transport: Runs, machine: Machine, preferred: Mapping[str, str | None]) -> HostWheels:
    """Wheels of this machine's indexes; where these lack something, of those too that the device is
    configured to ask, e.g. piwheels on Raspberry Pi OS, which have it for some boards only."""
    found = HostWheels(machine, preferred)
    is_short = found.selection is None or len(found.selection.versions) < len(preferred)
    if is_short and (indexes := device_indexes(transport)):
        found = HostWheels(machine, preferred, indexes)
    if found.selection is None:
        raise DeviceError(
            f"{machine.name}: no numpy for Python {machine.short_version} on {machine.machine} is "
            f"available here ({found.last_words}); connect this machine to a package index"
        )
    return found


class Packages:
    """``folder`` on a device: installed packages, whole or not there."""

    def __init__(
        self, transport: Runs, store: FileStore, machine: Machine, folder: PurePosixPath
    ) -> None:
        self._transport, self._store, self._machine = transport, store, machine
        self._folder = folder

    def python(self, folder: PurePosixPath) -> tuple[str, ...]:
        """The words that start Python with the packages of ``folder`` and no others (-S)."""
        return "env", f"PYTHONPATH={folder}", str(self._machine.python), "-s", "-S"

    def notes_of_whole(self) -> list[str] | None:
        """The notes from when it was made; None unless it is there as it was made."""
        words = [self._machine.python, "-I", "-S", "-", self._folder]
        done = self._transport.run(words, STEP_S, package_folder.CHECK.encode())
        made = answer(done.stdout)
        return made["notes"] if made else None

    def install(self, wheels: HostWheels, show: Report) -> list[str]:
        """Make it of ``wheels``; the notes on it. What fails or is ended leaves nothing of it; what
        is killed leaves a folder that the next making removes."""
        if ":" in str(self._folder):
            raise DeviceError(
                f"{self._machine.name}: cache is {str(self._machine.cache)!r}; expected a path "
                "without ':', after which Python does not find its packages"
            )
        made = self._folder.with_name(f"{self._folder.name}.new.{secrets.token_hex(4)}")
        try:
            words = ["sh", "-c", package_folder.BEGIN, "sh", self._folder, made]
            self._check(self._transport.run(words, STEP_S), "cannot be made")
            files = self._store.put_all(wheels.download(show), show)
            show(f"unpacking {', '.join(wheels.selection.requirements)}")
            self._run(package_folder.UNPACK, "takes no wheels", made, *files)
            notes = [*wheels.selection.notes, *self._failed_imports(made, wheels.selection, show)]
            self._run(package_folder.FINISH, "cannot be kept", made, self._folder, *notes)
            self._store.remove(files)
        except BaseException:  # Ctrl-C too
            # Where the connection has gone as well, the next making removes it: say why instead.
            with contextlib.suppress(DeviceError):
                self._transport.run(["rm", "-rf", made], STEP_S)
            raise
        return notes

    def _failed_imports(self, made: PurePosixPath, selection: Selection, show: Report) -> list[str]:
        """Notes on what was unpacked but does not run there."""
        show("trying what was unpacked")
        names = {MODULES[name]: name for name in selection.versions}
        words = [*self.python(made), "-", *names]
        done = self._transport.run(words, STEP_S, package_folder.IMPORT.encode())
        self._check(done, "cannot be tried")
        failed = {names[module]: why for module, why in (answer(done.stdout) or {}).items()}
        if NUMPY in failed:
            raise DeviceError(f"{self._machine.name}: numpy does not run there: {failed[NUMPY]}")
        return [f"{n} {selection.versions[n]} does not run there: {w}" for n, w in failed.items()]

    def _run(self, script: str, trouble: str, *words: str | PurePosixPath) -> None:
        command = [self._machine.python, "-I", "-S", "-", *words]
        self._check(self._transport.run(command, STEP_S, script.encode()), trouble)

    def _check(self, done: Finished, trouble: str) -> None:
        """DeviceError unless it exited 0."""
        if not done.code:
            return
        name, cache = self._machine.name, self._machine.cache
        if re.search(r"\[Errno (28|122)\]|No space left|quota exceeded", done.stderr):
            disk_free = self._transport.run(["df", "-Pk", cache], ORDER_S).stdout
            free = re.findall(r"\s(\d+)\s+\d+%", disk_free.decode(errors="replace"))
            room = f"{int(free[-1]) // 1024} MB are free" if free else "the free space is unknown"
            raise DeviceError(
                f"{name} has no room for its Python packages in {cache}: {room}, some {NEEDED_MB} "
                f"are needed; make room there, or run "
                f"{make_line('device-clean', DEVICE=name)}"
            )
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise DeviceError(
            f"{name}: the folder of Python packages in {self._folder.parent} {trouble}: "
            f"{lines[-1] if lines else f'exit code {done.code}'}"
        )
