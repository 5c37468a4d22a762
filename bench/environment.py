"""The circumstances of a measurement: machine, load, versions."""

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Environment:
    """Where and amid what a measurement was made. ``cores`` are those this process may use,
    ``load_average`` is of the last minute, ``versions`` of what is installed of the runtimes."""

    cpu_model: str
    cores: int
    load_average: float
    memory_bytes: int
    system: str
    python: str
    versions: dict[str, str]


def read_environment() -> Environment:
    """The environment of this process, now."""
    return Environment(
        cpu_model=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        load_average=round(os.getloadavg()[0], 2),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        versions={name: version for name in PACKAGES if (version := _version(name))},
    )


def _cpu_model() -> str:
    """The CPU's name as Linux tells it (x86 and ARM boards differ), else what Python knows."""
    fields = {}
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.is_file() else ():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields.get("model name") or fields.get("Model") or platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
