"""Making a device ready: a virtual environment there with what the runner needs."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from bench.devices.file_store import FileStore
from bench.devices.machine import Machine
from bench.devices.provision.environment_script import CHECK, answer
from bench.devices.provision.new_environment import NewEnvironment
from bench.devices.provision.requirements import versions_here
from bench.devices.transport.transport import Runs
from models.command_line.progress import Report

CHECK_S = 120.0


def provision(
    transport: Runs, store: FileStore, machine: Machine, note: Callable[[str], None], show: Report
) -> PurePosixPath:
    """The Python of an environment on the device with numpy and the runtimes that there are for
    it; made where it is not there, or no longer whole. ``note`` is told what is other than here.

    DeviceError, in one line, where it cannot be made.
    """
    preferred = versions_here()
    home = machine.cache / "python" / _key(machine, preferred)
    show("looking at its Python environment")
    notes = _notes_of_whole(transport, home)
    if notes is None:
        notes = NewEnvironment(transport, store, machine, preferred, show).make(home)
    for line in notes:
        note(f"{machine.name}: {line}")
    return home / "bin" / "python"


def _key(machine: Machine, preferred: Mapping[str, str | None]) -> str:
    """Other versions here, or another Python there, make another environment."""
    there = [str(machine.python), machine.python_version, machine.machine, machine.libc_version]
    asked = json.dumps([there, sorted(preferred.items())])
    return f"{machine.short_version}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"


def _notes_of_whole(transport: Runs, home: PurePosixPath) -> list[str] | None:
    """What was noted when it was made; None unless it is there as it was made."""
    done = transport.run([home / "bin" / "python", "-I", "-"], CHECK_S, CHECK.encode())
    made = answer(done.stdout)
    return made["notes"] if made else None
