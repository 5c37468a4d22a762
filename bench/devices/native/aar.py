"""The runtimes' libraries for Android, out of the .aar archives that their makers publish on Maven.

The user downloads the archives: LIBRARIES is a folder with them. Copies are kept for later builds.
"""

import hashlib
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.devices.native.places import Places
from models.command_line.advice import make_line
from models.command_line.errors import DeviceError, RequestError
from models.command_line.progress import Report


@dataclass(frozen=True)
class Published:
    """An archive as Maven names it: ``stem`` and a version. ``package`` is the name on PyPI."""

    package: str
    stem: str
    member: str
    is_optional: bool = False


PUBLISHED = (
    Published("ai-edge-litert", "litert", "libLiteRt.so"),
    Published("onnxruntime", "onnxruntime-android", "libonnxruntime.so"),
    Published("ai-edge-litert", "litert-gpu", "libLiteRtClGlAccelerator.so", is_optional=True),
)


@dataclass(frozen=True)
class OfAars:
    """The libraries for ``abi`` out of the archives of ``folder``, by default those kept from the
    last build. RequestError where one is missing."""

    abi: str
    folder: Path | None
    places: Places

    @property
    def versions(self) -> Mapping[str, str]:
        return {aar.package: version for aar, (_, version) in self._found().items()}

    @property
    def identity(self) -> str:
        return " ".join(_sha256(file) for file, _ in self._found().values())

    def place(self, folder: Path, show: Report) -> None:
        for aar, (file, _) in self._found().items():
            try:
                with zipfile.ZipFile(file) as packed:
                    name = f"jni/{self.abi}/{aar.member}"
                    if aar.is_optional and name not in packed.namelist():
                        continue
                    (folder / aar.member).write_bytes(packed.read(name))
            except (KeyError, zipfile.BadZipFile) as error:
                raise DeviceError(f"{file} has no library for {self.abi}: {error}") from error

    def _found(self) -> dict[Published, tuple[Path, str]]:
        """(archive, its version) of each that is there."""
        with self.places.alone("aars") as kept:
            if self.folder is not None:
                _keep(self.folder, kept)
            found = {aar: _archives(kept, aar.stem) for aar in PUBLISHED}
        return {aar: archives[0] for aar, archives in found.items() if archives}


def _keep(folder: Path, kept: Path) -> None:
    """Copy the archives of ``folder`` to ``kept``, in place of what is there."""
    chosen = []
    for aar in PUBLISHED:
        archives = _archives(folder, aar.stem)
        if len(archives) > 1 or not (archives or aar.is_optional):
            names = ", ".join(file.name for file, _ in archives) or f"no {aar.stem}-VERSION.aar"
            raise RequestError(
                f"LIBRARIES is {str(folder)!r}, which has {names}; expected one from Maven"
            )
        chosen += [file for file, _ in archives]
    for old in kept.glob("*.aar"):
        if old.name not in {file.name for file in chosen}:
            old.unlink()
    for file in chosen:
        if not (kept / file.name).exists() or _sha256(kept / file.name) != _sha256(file):
            part = kept / f"{file.name}.part"
            shutil.copyfile(file, part)
            part.rename(kept / file.name)


def _archives(folder: Path, stem: str) -> list[tuple[Path, str]]:
    """(file, version) of each archive ``stem``-VERSION.aar in ``folder``."""
    named = ((file, re.fullmatch(rf"{stem}-(\d.*)\.aar", file.name)) for file in folder.glob("*"))
    return sorted((file, match[1]) for file, match in named if match)


def check_archives(places: Places, folder: Path | None, target: str) -> None:
    """RequestError where there are no archives: neither in ``folder`` nor kept."""
    kept = places.cache / "aars"
    needed = [aar.stem for aar in PUBLISHED if not aar.is_optional]
    if folder is None and not all(_archives(kept, stem) for stem in needed):
        line = make_line("android", ndk="/path/to/ndk", abi=target, libraries="/path/to/aars")
        names = " and ".join(f"{stem}-VERSION.aar" for stem in needed)
        raise RequestError(
            f"{target} needs the runtimes' libraries for Android: download {names} from Maven "
            f"(litert-gpu-VERSION.aar for the GPU) into a folder, and: {line}"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
