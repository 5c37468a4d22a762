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
from bench.devices.provision.requirements import NUMPY, versions_here
from bench.devices.provision.wheels import HostWheels
from bench.devices.python_failure import explained
from bench.devices.runner_python import RunnerPython
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import Finished, Runs
from models.command_line.advice import make_line
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

STEP_S, ORDER_S = 600.0, 60.0
NEEDED_MB = 350  # numpy, three runtimes and their wheels, on x86-64
# What a folder says of itself: the versions, what is other than here, whether all of it runs.
MADE = ("versions", "notes", "failed")
MODULES = {
    "numpy": "numpy",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
}


def provision(
    transport: Runs, store: FileStore, machine: Machine, note: Callable[[str], None], show: Report
) -> RunnerPython:
    """The device's Python with numpy and the runtimes that there are for it, which are put there
    unless they are there and whole, and no other packages (-S). ``note`` is told what differs from
    here.

    DeviceError, in one line, where they cannot be had.
    """
    preferred = versions_here()
    folder = machine.cache / "python" / _key(machine, preferred)
    packages = Packages(transport, store, machine, folder)
    show("checking its Python packages")
    notes = packages.notes_of_whole(show)
    if notes is None:
        notes = packages.install(_wheels(transport, machine, preferred), show)
    for line in notes:
        note(f"{machine.name}: {line}")
    return RunnerPython((str(machine.python), "-S"), (folder,))


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

    def notes_of_whole(self, show: Report) -> list[str] | None:
        """The notes on it; None unless it is there as it was made, by this version of ``MADE``."""
        words = [self._machine.python, "-I", "-S", "-", self._folder]
        done = self._transport.run(words, STEP_S, package_folder.CHECK.encode())
        made = answer(done.stdout)
        if made is None or {*made} != {*MADE}:
            return None
        if not made["failed"]:
            return made["notes"]
        # Somebody may have mended it since.
        return [*made["notes"], *self._failed_imports(self._folder, made["versions"], show)]

    def install(self, wheels: HostWheels, show: Report) -> list[str]:
        """Make it of ``wheels``; the notes on it. What fails or is ended leaves nothing of it; what
        is killed leaves a folder that the next making removes."""
        made = self._folder.with_name(f"{self._folder.name}.new.{secrets.token_hex(4)}")
        try:
            words = ["sh", "-c", package_folder.BEGIN, "sh", self._folder, made]
            self._check(self._transport.run(words, STEP_S), "cannot be made")
            files = self._store.put_all(wheels.download(show), show)
            show(f"unpacking {', '.join(wheels.selection.requirements)}")
            self._run(package_folder.UNPACK, "takes no wheels", made, *files)
            chosen = wheels.selection
            failed = self._failed_imports(made, chosen.versions, show)
            values = dict(chosen.versions), chosen.notes, bool(failed)
            text = json.dumps(dict(zip(MADE, values, strict=True)))
            self._run(package_folder.FINISH, "cannot be kept", made, self._folder, text)
            self._store.remove(files)
        except BaseException:  # Ctrl-C too
            # Where the connection has gone as well, the next making removes it: say why instead.
            with contextlib.suppress(DeviceError):
                self._transport.run(["rm", "-rf", made], STEP_S)
            raise
        return [*chosen.notes, *failed]

    def _failed_imports(
        self, folder: PurePosixPath, versions: Mapping[str, str], show: Report
    ) -> list[str]:
        """Notes on what is in ``folder`` but does not run there; DeviceError where numpy does
        not."""
        show("trying what was unpacked")
        names = {MODULES[name]: name for name in versions}
        done = self._run(package_folder.IMPORT, "cannot be tried", folder, *names)
        failed = {
            names[module]: explained(self._machine.name, self._machine.cache, why)
            for module, why in (answer(done.stdout) or {}).items()
        }
        if NUMPY in failed:
            raise DeviceError(f"{self._machine.name}: numpy does not run there: {failed[NUMPY]}")
        return [f"{n} {versions[n]} does not run there: {why}" for n, why in failed.items()]

    def _run(self, script: str, trouble: str, *words: str | PurePosixPath) -> Finished:
        command = [self._machine.python, "-I", "-S", "-", *words]
        done = self._transport.run(command, STEP_S, script.encode())
        self._check(done, trouble)
        return done

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
        reason = last_line(done.stderr) or f"exit code {done.code}"
        raise DeviceError(
            f"{name}: the folder of Python packages in {self._folder.parent} {trouble}: "
            f"{explained(name, cache, reason)}"
        )
