"""Sources of the runtimes' libraries of a bundle."""

import importlib.util
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

from bench.devices.native.linux_wheels import linux_wheel
from models.command_line.errors import DeviceError
from models.command_line.progress import Report

LITERT, ONNXRUNTIME = "ai-edge-litert", "onnxruntime"


class Libraries(Protocol):
    """``versions`` are by the names of PyPI, as the runner reports them; ``identity`` differs where
    what is placed does."""

    @property
    def versions(self) -> Mapping[str, str]: ...
    @property
    def identity(self) -> str: ...
    def place(self, folder: Path, show: Report) -> None:
        """Put the libraries into ``folder`` under the names that the runner opens."""


def installed_versions() -> dict[str, str]:
    """Of the runtimes that are installed for this Python; DeviceError where one is not."""
    try:
        return {name: metadata.version(name) for name in (LITERT, ONNXRUNTIME)}
    except metadata.PackageNotFoundError as error:
        raise DeviceError(
            f"{error.name} is not installed for this Python; run: make setup"
        ) from error


@dataclass(frozen=True)
class Installed:
    """Those of the packages installed here, for this machine: linked to, or copied."""

    linked: bool

    @property
    def versions(self) -> Mapping[str, str]:
        return installed_versions()

    @property
    def identity(self) -> str:
        return " ".join(map(str, self._files().values()))

    def place(self, folder: Path, show: Report) -> None:
        for name, file in self._files().items():
            if self.linked:
                (folder / name).symlink_to(file)
            else:
                shutil.copyfile(file, folder / name)

    def _files(self) -> dict[str, Path]:
        litert, onnxruntime = package_folder("ai_edge_litert"), package_folder("onnxruntime")
        files = {"libLiteRt.so": litert / "libLiteRt.so"}
        files["libonnxruntime.so.1"] = only(list(onnxruntime.glob("capi/libonnxruntime.so.*")))
        accelerator = litert / "libLiteRtWebGpuAccelerator.so"
        # It opens this machine's Vulkan, which programs with a C library of their own cannot.
        if self.linked and accelerator.is_file():
            files[accelerator.name] = accelerator
        return files


@dataclass(frozen=True)
class OfWheels:
    """Those of the wheels for another kind of Linux, of the versions installed here."""

    machine: str
    glibc: tuple[int, int]

    @property
    def versions(self) -> Mapping[str, str]:
        return installed_versions()

    @property
    def identity(self) -> str:
        return f"{self.machine} {self.glibc} {sorted(self.versions.items())}"

    def place(self, folder: Path, show: Report) -> None:
        for package, prefix, name in (
            (LITERT, "ai_edge_litert/libLiteRt.so", "libLiteRt.so"),
            (ONNXRUNTIME, "onnxruntime/capi/libonnxruntime.so.", "libonnxruntime.so.1"),
        ):
            wheel = linux_wheel(package, self.versions[package], self.machine, self.glibc, show)
            with zipfile.ZipFile(wheel) as packed:
                member = only([m for m in packed.namelist() if m.startswith(prefix)], wheel.name)
                (folder / name).write_bytes(packed.read(member))


def package_folder(name: str) -> Path:
    """The folder of an installed package, which is not imported; DeviceError without it."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise DeviceError(f"{name} is not installed for this Python; run: make setup")
    return Path(found.submodule_search_locations[0])


def only(found: list, where: str = "the installed packages") -> Path | str:
    """The one library that there is; DeviceError otherwise."""
    if len(found) != 1:
        raise DeviceError(f"expected one library in {where}, found {list(map(str, found))}")
    return found[0]
