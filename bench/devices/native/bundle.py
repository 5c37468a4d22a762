"""The native runner with everything that it needs, for one kind of device, in one folder."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.devices.native.aar import OfAars, check_archives
from bench.devices.native.c_library import CLibrary, c_library_of, check_fits
from bench.devices.native.compiling import compiled_program
from bench.devices.native.libraries import Installed, Libraries, OfWheels
from bench.devices.native.places import PLACES, Places
from bench.devices.native.sources import digest_of
from bench.devices.native.target import Target, target_for, target_named
from bench.devices.native.toolchain import Toolchain, toolchain_for
from models.command_line.errors import RequestError
from models.command_line.progress import Report

DESCRIPTION, VERSIONS = "bundle.json", "versions.json"
SANITIZERS = ("address", "undefined", "leak", "thread")
UNUSED_S = 7 * 24 * 3600.0  # then an older bundle is removed; before, a bench may still use it


@dataclass(frozen=True)
class Bundle:
    """A built runner. ``names`` are the plain files of ``folder`` that must lie together on the
    device, links to files included; ``start`` the words that start the runner, with "{folder}" for
    where they lie there. ``versions`` of the runtimes, by package."""

    target: str
    abi: str
    folder: Path
    names: tuple[str, ...]
    start: tuple[str, ...]
    versions: Mapping[str, str]
    toolchain: str

    def start_in(self, folder: str) -> tuple[str, ...]:
        """The words that start the runner where the files lie in ``folder``."""
        return tuple(word.replace("{folder}", folder) for word in self.start)


@dataclass(frozen=True)
class _Parts:
    target: Target
    toolchain: Toolchain
    libraries: Libraries
    c_library: CLibrary | None
    sanitize: str
    places: Places

    @property
    def key(self) -> str:
        """Of all that decides what is in the bundle."""
        return digest_of(
            self.places.harness,
            [
                self.toolchain.version, *self.toolchain.settings, self.libraries.identity,
                json.dumps(dict(self.libraries.versions)), self.sanitize,
                self.c_library.identity if self.c_library else "",
            ],
        )  # fmt: skip


def bundle_for(
    target: str,
    show: Report,
    ndk: Path | None = None,
    aars: Path | None = None,
    sanitize: str = "",
    places: Places = PLACES,
) -> Bundle:
    """The bundle for a device, built unless there is one of these sources, tools and libraries.

    ``ndk`` is the folder of Android's NDK, by default the one of the last build for ``target``;
    ``aars`` a folder with the published libraries, by default those of the last build; ``sanitize``
    names sanitizers, comma-separated, for a bundle of its own. RequestError where there is no such
    bundle, DeviceError where a program or a library is missing or the sources do not compile.
    """
    asked = target_named(target)
    _check_sanitizers(sanitize, asked)
    name = "-".join(filter(None, (target, sanitize.replace(",", "+"))))
    with places.alone(name) as folder:
        ndk = ndk or (_last_ndk(folder) if asked.ndk else None)
        parts = _parts(asked, ndk, aars, sanitize, places)
        kept = folder / parts.key
        if not (kept / DESCRIPTION).is_file():
            _make(parts, folder, kept, show)
        os.utime(kept)
        _remove_unused(folder, kept)
        return _read(kept)


def target_on_phone(abi: str, places: Places = PLACES) -> str:
    """The target that a phone of this ABI gets: the NDK's where one was built here, else the one
    with its own C library. RequestError where there is neither."""
    try:
        native = target_for(abi, with_ndk=True)
    except RequestError:
        native = None
    if native and _last_ndk(places.cache / native.name):
        return native.name
    return target_for(abi, with_ndk=False).name


def _parts(
    target: Target, ndk: Path | None, aars: Path | None, sanitize: str, places: Places
) -> _Parts:
    toolchain = toolchain_for(target, ndk, places)
    c_library = c_library_of(toolchain.compiler, target.machine) if target.c_library else None
    if target.ndk:
        check_archives(places, aars, target.abi)
        libraries = OfAars(target.abi, aars, places)
    elif c_library and toolchain.is_cross:
        libraries = OfWheels(target.machine, c_library.version)
    else:
        libraries = Installed(linked=c_library is None)
    return _Parts(target, toolchain, libraries, c_library, sanitize, places)


def _make(parts: _Parts, folder: Path, kept: Path, show: Report) -> None:
    """Fill ``kept``, whole or not at all; its description is written last."""
    compiled = (parts.toolchain, parts.sanitize, folder, parts.places, show)
    runner = compiled_program("runner", *compiled)
    made = kept.with_name(f"{kept.name}.new")
    for left in (made, kept):
        shutil.rmtree(left, ignore_errors=True)
    made.mkdir()
    shutil.copy(runner, made / "runner")
    show("libraries")
    parts.libraries.place(made, show)
    start = ("{folder}/runner", "--libraries", "{folder}")
    if parts.c_library:
        for library in made.glob("lib*.so*"):
            check_fits(parts.c_library, library)
        parts.c_library.place(made)
        loader = f"{{folder}}/{parts.c_library.loader}"
        start = (loader, "--library-path", "{folder}", *start)
    versions = dict(parts.libraries.versions)
    (made / VERSIONS).write_text(json.dumps(versions))
    described = Bundle(
        parts.target.name,
        parts.target.abi or parts.toolchain.own_abi,
        Path(),
        tuple(sorted(file.name for file in made.iterdir())),
        start,
        versions,
        parts.toolchain.version,
    )
    ndk = parts.toolchain.ndk
    content = {**asdict(described), "folder": None, "ndk": ndk and str(ndk)}
    (made / DESCRIPTION).write_text(json.dumps(content, indent=2))
    made.rename(kept)


def _read(kept: Path) -> Bundle:
    found = json.loads((kept / DESCRIPTION).read_text())
    del found["ndk"]
    lists = {name: tuple(found[name]) for name in ("names", "start")}
    return Bundle(**{**found, **lists, "folder": kept})


def _check_sanitizers(sanitize: str, target: Target) -> None:
    for name in filter(None, sanitize.split(",")):
        if name not in SANITIZERS:
            raise RequestError(f"sanitize has {name!r}; expected some of: {', '.join(SANITIZERS)}")
    if sanitize and target.abi:
        raise RequestError(f"sanitize is for the target host; found {target.name}")


def _last_ndk(folder: Path) -> Path | None:
    """The NDK of the newest bundle in ``folder``."""
    described = sorted(folder.glob(f"*/{DESCRIPTION}"), key=lambda file: file.stat().st_mtime)
    found = json.loads(described[-1].read_text())["ndk"] if described else None
    return Path(found) if found else None


def _remove_unused(folder: Path, kept: Path) -> None:
    for other in folder.iterdir():
        if other != kept and time.time() - other.stat().st_mtime > UNUSED_S:
            shutil.rmtree(other)
