"""The loader and the C and C++ libraries of a compiler, so that a program brings its own."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import DeviceError

ASK_S = 60.0
LOADERS = {"aarch64": "ld-linux-aarch64.so.1", "x86_64": "ld-linux-x86-64.so.2"}
# What the runner and the runtimes' libraries are linked with.
NAMES = (
    "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
    "libstdc++.so.6", "libgcc_s.so.1",
)  # fmt: skip


@dataclass(frozen=True)
class CLibrary:
    """``files`` by the names that programs look for, the loader among them."""

    loader: str
    files: dict[str, Path]

    @property
    def identity(self) -> str:
        stats = {name: file.stat() for name, file in self.files.items()}
        return str([(name, s.st_size, s.st_mtime_ns) for name, s in sorted(stats.items())])

    @property
    def version(self) -> tuple[int, int]:
        """Of glibc, such as (2, 36)."""
        return 2, _newest_glibc(self.files["libc.so.6"])

    def place(self, folder: Path) -> None:
        for name, file in self.files.items():
            shutil.copy(file, folder / name)  # the loader stays a program


def c_library_of(compiler: str, machine: str) -> CLibrary:
    """The C library that ``compiler`` links programs for ``machine`` with.

    DeviceError where a part is missing.

    The loader runs them also where no C library is installed, or another one, as on Android.
    """
    loader, files = LOADERS[machine], {}
    for name in (loader, *NAMES):
        words = [compiler, f"-print-file-name={name}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=ASK_S)
        found = Path(done.stdout.strip())
        if not found.is_absolute() or not found.is_file():
            raise DeviceError(f"{compiler} has no {name}; install the compiler again")
        files[name] = found.resolve()
    return CLibrary(loader, files)


def check_fits(c_library: CLibrary, library: Path) -> None:
    """DeviceError where ``library`` wants a newer C library: wheels do not always say so."""
    wanted, has = _newest_glibc(library), c_library.version[1]
    if wanted > has:
        raise DeviceError(
            f"{library.name} needs glibc 2.{wanted}, and the compiler's is 2.{has}; build on a "
            "newer system, such as Debian 12"
        )


def _newest_glibc(library: Path) -> int:
    found = re.findall(rb"GLIBC_2\.(\d+)\b", library.read_bytes())
    return max(map(int, found), default=0)
