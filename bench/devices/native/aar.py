"""The archives in which the runtimes' libraries are published for Android."""

import hashlib
import shutil
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.devices.native.download import download
from bench.devices.native.places import Places
from models.command_line.errors import DeviceError, RequestError
from models.command_line.progress import Report

LIMIT_BYTES = 256 << 20
PIN = "python -m bench.devices.native.pin"


@dataclass(frozen=True)
class Aar:
    """One archive of libraries.toml; ``sha256`` is "" where it is not pinned yet."""

    package: str
    version: str
    url: str
    sha256: str
    members: tuple[str, ...]
    abis: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def published(places: Places) -> list[Aar]:
    """The archives of libraries.toml; RequestError where it does not read as one."""
    file = places.libraries_file
    try:
        rows = tomllib.loads(file.read_text())["aar"]
        return [Aar(**{k: tuple(v) if isinstance(v, list) else v for k, v in r.items()})
                for r in rows]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(
            f"{file} cannot be read: {error}; take it from the repository"
        ) from error


@dataclass(frozen=True)
class OfAars:
    """The libraries for ``abi``; archives lying in ``folder`` are not downloaded."""

    abi: str
    folder: Path | None
    places: Places

    @property
    def versions(self) -> Mapping[str, str]:
        return {aar.package: aar.version for aar in self._wanted()}

    @property
    def identity(self) -> str:
        return " ".join(aar.sha256 for aar in self._wanted())

    def place(self, folder: Path, show: Report) -> None:
        for aar in self._wanted():
            archive = pinned_archive(aar, self.folder, self.places, show)
            try:
                with zipfile.ZipFile(archive) as packed:
                    for member in aar.members:
                        content = packed.read(f"jni/{self.abi}/{member}")
                        (folder / member).write_bytes(content)
            except (KeyError, zipfile.BadZipFile) as error:
                raise DeviceError(f"{aar.name} has no library for {self.abi}: {error}") from error

    def _wanted(self) -> list[Aar]:
        found = [aar for aar in published(self.places) if self.abi in aar.abis]
        missing = [aar.name for aar in found if not aar.sha256]
        if missing:
            raise RequestError(
                f"{self.places.libraries_file} has no sha256 of {', '.join(missing)}, and what is "
                f"not pinned is not used; type: {PIN}"
            )
        return found


def pinned_archive(aar: Aar, folder: Path | None, places: Places, show: Report) -> Path:
    """The archive, of exactly the bytes that are pinned: kept, from ``folder``, or downloaded.

    RequestError where ``folder`` has it not, or another; DeviceError where it cannot be had.
    """
    with places.alone("aars") as kept:
        own = kept / aar.name
        if own.is_file() and sha256_of(own) == aar.sha256:
            return own
        fresh = kept / f"{aar.name}.unchecked"
        if folder is not None:
            if not (folder / aar.name).is_file():
                raise RequestError(f"LIBRARIES is {str(folder)!r}, which has no {aar.name}")
            shutil.copyfile(folder / aar.name, fresh)
        else:
            download(aar.url, fresh, LIMIT_BYTES, show)
        found = sha256_of(fresh)
        if found != aar.sha256:
            fresh.unlink()
            raise DeviceError(
                f"{aar.name} from {folder or aar.url} has the sha256 {found}; expected "
                f"{aar.sha256}, which is in libraries.toml: it is not used"
            )
        return fresh.rename(own)


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
