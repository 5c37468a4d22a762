"""The programs that build the native runner for a target."""

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.devices.native.places import Places
from bench.devices.native.target import HOST, Target
from models.command_line.errors import DeviceError, RequestError

ASK_S = 60.0
ABIS = {"aarch64": "arm64-v8a", "armv7l": "armeabi-v7a"}
ANDROID_PLATFORM = "android-26"  # what the published libraries are built for at the latest
CROSS_COMPILER = "aarch64-linux-gnu-g++"
NDK_TOOLCHAIN = "build/cmake/android.toolchain.cmake"


@dataclass(frozen=True)
class Toolchain:
    """``version`` names compiler and version; ``settings`` are CMake's; ``compiler`` is None where
    CMake is told by a file of the NDK, whose folder ``ndk`` is."""

    version: str
    settings: tuple[str, ...]
    compiler: str | None = None
    is_cross: bool = False
    ndk: Path | None = None

    @property
    def own_abi(self) -> str:
        """This machine's processor, as Android calls it."""
        return ABIS.get(platform.machine(), platform.machine())


def toolchain_for(target: Target, ndk: Path | None, places: Places) -> Toolchain:
    """The tools that build for ``target`` here.

    DeviceError where it is not installed, or this machine is of another kind; RequestError where
    ``ndk`` is no NDK.
    """
    if target.ndk:
        return _of_ndk(target, ndk)
    own = platform.machine()
    if target is HOST or target.machine == own:
        names, settings = ("c++", "clang++", "g++"), ()
        if target.c_library and platform.libc_ver()[0] != "glibc":
            raise DeviceError(
                f"{target.name} is bundled with this machine's C library, which is not glibc; "
                "build it on Debian or a Linux like it"
            )
        compiler, install = find_tool(*names), "g++"
    elif target.machine == "aarch64":
        compiler, install = find_tool(CROSS_COMPILER), "g++-aarch64-linux-gnu"
        settings = (_file(places.harness / "toolchains" / "aarch64-linux-gnu.cmake"),)
    else:
        raise DeviceError(
            f"{target.name} is built on {target.machine} only; this machine is {own}: "
            f"build it there, or with the NDK: make android NDK=/path/to/ndk ABI={target.abi}"
        )
    if compiler is None:
        raise DeviceError(
            f"no compiler for {target.name} here; run: sudo apt install {install}, "
            "or: sudo sh android_harness/install.sh"
        )
    settings = (*settings, f"-DCMAKE_CXX_COMPILER={compiler}")
    is_cross = target.machine not in ("", own)
    return Toolchain(_version(compiler), settings, compiler, is_cross)


def find_tool(*names: str) -> str | None:
    """The first of these programs that is there: on the path, or beside this Python, where pip
    puts those of PyPI."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
        if found:
            return found
    return None


def _of_ndk(target: Target, ndk: Path | None) -> Toolchain:
    wanted = f"make android NDK=/path/to/ndk ABI={target.abi}"
    if ndk is None:
        raise RequestError(f"{target.name} is built with Android's NDK: {wanted}")
    properties = ndk / "source.properties"
    if not (ndk / NDK_TOOLCHAIN).is_file() or not properties.is_file():
        raise RequestError(
            f"NDK is {str(ndk)!r}, which has no {NDK_TOOLCHAIN} or no source.properties; expected "
            f"the folder of an NDK, such as ~/Android/Sdk/ndk/28.2.13676358: {wanted}"
        )
    found = re.search(r"Pkg\.Revision *= *(\S+)", properties.read_text())
    settings = (
        _file(ndk.resolve() / NDK_TOOLCHAIN),
        f"-DANDROID_ABI={target.abi}",
        f"-DANDROID_PLATFORM={ANDROID_PLATFORM}",
        "-DANDROID_STL=c++_static",
    )
    return Toolchain(f"NDK {found[1] if found else 'unknown'}", settings, ndk=ndk.resolve())


def _file(path: Path) -> str:
    return f"-DCMAKE_TOOLCHAIN_FILE={path}"


def _version(compiler: str) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=ASK_S)
    first = done.stdout.partition("\n")[0].strip()
    if done.returncode or not first:
        raise DeviceError(f"{compiler} --version fails; install the compiler again")
    return first
