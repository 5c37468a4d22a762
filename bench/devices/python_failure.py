"""Explanation of a Python, or of a package for it, that does not run on a device, with advice."""

import re
import shlex
import sys
from pathlib import PurePath

from models.command_line.advice import make_line

# Debian's packages of libraries that wheels leave to the system, as those of piwheels do.
PACKAGE_OF_LIBRARY = (
    ("libopenblas.so", "libopenblas0"),
    ("libgfortran.so.5", "libgfortran5"),
    ("libquadmath.so", "libquadmath0"),
    ("libgomp.so", "libgomp1"),
    ("libatomic.so", "libatomic1"),
    ("libstdc++.so", "libstdc++6"),
    ("libgcc_s.so", "libgcc-s1"),
    ("libf77blas.so", "libatlas3-base"),
    ("libcblas.so", "libatlas3-base"),
    ("libatlas.so", "libatlas3-base"),
    ("liblapack.so", "liblapack3"),
    ("libblas.so", "libblas3"),
)
LIBRARY = re.compile(r"(lib[^\s/:]+\.so[.\d]*): cannot open shared object file")
NO_PROGRAMS = re.compile(r"failed to map segment from shared object|Operation not permitted")
MODULE = re.compile(r"No module named '([^'.]+)")
TOO_OLD = re.compile(r"version `\S+' not found")
OTHER_PROCESSOR = re.compile(r"signal 4\b|Illegal instruction")


def mending(name: str, cache: PurePath, reason: str) -> str:
    """Advice for the device ``name`` on a Python that ended for ``reason``; "" where there is none.
    ``cache`` is where its packages are."""
    if found := LIBRARY.search(reason):
        return f"run there: {_installing(found[1])}"
    if NO_PROGRAMS.search(reason):
        return (
            f"{cache} is mounted noexec, so that nothing in it may run; set cache of {name} in "
            "devices.toml to a folder of another file system, or run there: sudo mount -o "
            f"remount,exec \"$(df -P {shlex.quote(str(cache))} | sed -n '$s/.* //p')\""
        )
    if (found := MODULE.search(reason)) and found[1] in sys.stdlib_module_names:
        return (
            "its standard library is not whole; run there: sudo apt install python3; or set "
            f"python of {name} in devices.toml to another"
        )
    if TOO_OLD.search(reason):
        return "its system is too old for that; run there: sudo apt full-upgrade"
    if OTHER_PROCESSOR.search(reason):
        return "it was built for a newer processor; leave that runtime out with RUNTIMES"
    return ""


def explained(name: str, cache: PurePath, reason: str) -> str:
    """``reason``, and what to do about it, in one line."""
    advice = mending(name, cache, reason) or (
        f"run {make_line('device-clean', DEVICE=name)}, and try again"
    )
    return f"{reason}; {advice}"


def _installing(library: str) -> str:
    for start, package in PACKAGE_OF_LIBRARY:
        if library.startswith(start):
            return f"sudo apt install {package}"
    return f"apt-file search {library}; and install the package that it names"
