"""Wheels for a device, downloaded here: for one that reaches no package index itself."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from bench.devices.file_lock import file_lock
from bench.devices.machine import Machine
from bench.devices.provision.pip_here import last_error, pip_here, versions_said
from bench.devices.provision.requirements import Selection, select
from bench.devices.provision.wheel_metadata import unmet
from models.command_line.cache import cache_folder
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

ASK_S, DOWNLOAD_S = 120.0, 1800.0
ROUNDS = 5
OLDEST_MANYLINUX, OLDEST_MUSLLINUX = 17, 1  # glibc 2.17 is what manylinux2014 means
CHOSEN = "chosen.json"


def wheel_cache() -> Path:
    """Folder of this machine that wheels for devices are kept in."""
    return cache_folder("wheels")


class HostWheels:
    """Wheels that this machine's pip finds for ``machine``: in its own indexes, as configured here,
    and in ``indexes``, the addresses of more. Kept; what is there is not asked for again.
    """

    def __init__(
        self, machine: Machine, preferred: Mapping[str, str | None], indexes: Sequence[str] = ()
    ) -> None:
        self.last_words = ""
        self._machine, self._preferred = machine, preferred
        self._indexes = tuple(word for url in indexes for word in ("--extra-index-url", url))
        asked = json.dumps([_where(machine), sorted(preferred.items(), key=str), *indexes])
        digest = hashlib.sha256(asked.encode()).hexdigest()[:12]
        self.folder = wheel_cache() / f"cp{machine.short_version}-{machine.machine}-{digest}"

    @cached_property
    def selection(self) -> Selection | None:
        """The versions to be had; None where not even numpy is, ``last_words`` says why."""
        if (self.folder / CHOSEN).is_file():
            kept = json.loads((self.folder / CHOSEN).read_text())
            return Selection(kept["versions"], tuple(kept["notes"]))
        return select(self._available, self._preferred, self._machine)

    def download(self, show: Report) -> list[Path]:
        """The wheels of the selection and of all that they need; DeviceError without them."""
        with one_at_a_time(self.folder):
            if not (self.folder / CHOSEN).is_file():
                self._download(show)
        return sorted(self.folder.glob("*.whl"))

    def _download(self, show: Report) -> None:
        """Fill the folder, whole or not at all."""
        made = self.folder.with_name(f"{self.folder.name}.new")
        missing = list(self.selection.requirements)
        wanted = []
        for _ in range(ROUNDS):
            shutil.rmtree(made, ignore_errors=True)
            wanted += missing
            show(f"downloading {', '.join(self.selection.requirements)} for it")
            words = ("download", "--dest", str(made), *self._target, *self._indexes, *wanted)
            done = pip_here(words, DOWNLOAD_S)
            if done.returncode:
                raise DeviceError(f"pip here did not download them: {last_error(done.stderr)}")
            missing = list(unmet(sorted(made.glob("*.whl")), self._machine))
            if not missing:
                break
        else:
            raise DeviceError(f"no compatible wheels here: {', '.join(missing)} is missing")
        chosen = {"versions": dict(self.selection.versions), "notes": self.selection.notes}
        (made / CHOSEN).write_text(json.dumps(chosen))
        made.rename(self.folder)

    def _available(self, name: str) -> list[str]:
        done = pip_here(("index", "versions", *self._target, *self._indexes, name), ASK_S)
        if done.returncode:
            self.last_words = last_error(done.stderr)
        return versions_said(done.stdout)

    @property
    def _target(self) -> tuple[str, ...]:
        version = ".".join(map(str, self._machine.python_version))
        platforms = (word for tag in platform_tags(self._machine) for word in ("--platform", tag))
        python = ("--implementation", "cp", "--python-version", version)
        return ("--only-binary=:all:", *python, *platforms)


def platform_tags(machine: Machine) -> list[str]:
    """The platforms whose wheels run on ``machine``, best first (PEP 600, PEP 656)."""
    tags = []
    if machine.machine != "armv6l" and machine.libc == "glibc":  # manylinux is of armv7l
        minors = range(machine.libc_version[1], OLDEST_MANYLINUX - 1, -1)
        tags = [f"manylinux_2_{minor}_{machine.machine}" for minor in minors]
        tags += [f"manylinux2014_{machine.machine}"] if tags else []
    if machine.libc == "musl":
        major, newest = machine.libc_version
        minors = range(newest, OLDEST_MUSLLINUX - 1, -1)
        tags = [f"musllinux_{major}_{minor}_{machine.machine}" for minor in minors]
    return [*tags, f"linux_{machine.machine}"]


def _where(machine: Machine) -> list:
    return [machine.machine, *machine.python_version, machine.libc, *machine.libc_version]


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """The block, once at a time for ``folder``: devices of a kind are made ready at once, and only
    the first is to download. DeviceError where they cannot be kept."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(folder.with_name(f"{folder.name}.lock")):
            yield
    except OSError as error:
        raise DeviceError(
            f"wheels for devices cannot be kept in {folder.parent} ({error}); set XDG_CACHE_HOME "
            "to a folder with room for them"
        ) from error
