"""Requirements that wheels declare."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from bench.devices.machine import Machine


def unmet(wheels: Sequence[Path], machine: Machine) -> Iterator[str]:
    """Requirements of ``wheels`` on ``machine`` that none of them meets.

    pip evaluates the conditions of a requirement (PEP 508) for its own Python, also when it
    downloads for another.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name, parse_wheel_filename

    versions = dict(parse_wheel_filename(wheel.name)[:2] for wheel in wheels)
    for wheel in wheels:
        for text in _metadata(wheel).get_all("Requires-Dist", ()):
            wanted = Requirement(text)
            if wanted.marker and not wanted.marker.evaluate(_markers(machine)):
                continue
            version = versions.get(canonicalize_name(wanted.name))
            if version is None or not wanted.specifier.contains(version, prereleases=True):
                extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
                yield f"{wanted.name}{extras}{wanted.specifier}"


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        name = next(n for n in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        return HeaderParser().parsestr(file.read(name).decode())


def _markers(machine: Machine) -> dict[str, str]:
    full = ".".join(map(str, machine.python_version))
    return {
        "implementation_name": "cpython", "implementation_version": full, "os_name": "posix",
        "platform_machine": machine.kernel_machine, "platform_python_implementation": "CPython",
        "platform_system": "Linux", "python_full_version": full,
        "python_version": machine.short_version, "sys_platform": "linux", "extra": "",
    }  # fmt: skip
