"""Packages to put on a device: this machine's versions, where there are wheels of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

from bench.devices.machine import Machine
from quantize.runtime.names import PACKAGES

NUMPY, TFLITE_RUNTIME = "numpy", "tflite-runtime"
TFLITE_RUNTIME_NUMPY = 2  # below which numpy has to stay, though its wheels do not say so


@dataclass(frozen=True)
class Selection:
    """Package versions for a device, numpy among them; ``notes`` say what is other than here."""

    versions: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{name}=={version}" for name, version in self.versions.items())


def versions_here() -> dict[str, str | None]:
    """This environment's versions of what the runner uses, None of what is not installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def select(
    available: Callable[[str], list[str]], preferred: Mapping[str, str | None], machine: Machine
) -> Selection | None:
    """``preferred`` versions where ``available`` has wheels of them for the device, else the
    newest; None where there is not even numpy.

    ``available`` tells the versions of a package that have wheels for the device, newest first.
    """
    found = {NUMPY: available(NUMPY)}
    if not found[NUMPY]:
        return None
    found |= {name: available(name) for name in preferred if name != NUMPY}
    older = [version for version in found[NUMPY] if _major(version) < TFLITE_RUNTIME_NUMPY]
    where = f"for Python {machine.short_version} on {machine.machine}"
    notes = []
    if found.get(TFLITE_RUNTIME):
        if older:
            found[NUMPY] = older
        else:
            notes.append(f"{TFLITE_RUNTIME} needs numpy < 2, which has no wheel {where}")
            del found[TFLITE_RUNTIME]
    versions = {}
    for name, has in found.items():
        wanted = preferred[name]
        if not has:
            notes.append(f"{name} has no wheel {where}")
        elif wanted is None or wanted in has:
            versions[name] = wanted or has[0]
        else:
            versions[name] = has[0]
            notes.append(f"{name} {wanted} has no wheel {where}; {has[0]} instead")
    return Selection(versions, tuple(notes))


def _major(version: str) -> int:
    return int(version.split(".")[0])
