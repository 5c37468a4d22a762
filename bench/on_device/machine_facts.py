"""The machine's lasting properties: the fields of ``bench/measurement/environment.py``."""

import os
import platform
import struct

from bench.on_device.cpu_quota import cpu_quota
from bench.on_device.governor_access import is_governor_settable
from bench.on_device.online_cores import figures_by_core, told_by_cores
from bench.on_device.processor_name import processor_name
from bench.on_device.system_files import read_all
from bench.on_device.this_process import affinity
from quantize.runtime.names import PACKAGES, installed_version

OF_32_BITS = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}


def read_environment(root="/"):
    """The fields of ``bench/measurement/environment.py`` for this machine."""
    boards = read_all(os.path.join(root, "proc/device-tree/model"))
    sys = os.path.join(root, "sys")
    quota = cpu_quota(root)
    found = {name: installed_version(name) for name in PACKAGES}
    emulated = is_emulated()
    return {
        "cpu_model": ("QEMU on " if emulated else "") + processor_name(root),
        "cores": len(affinity() or range(os.cpu_count() or 1)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "os": os_name(),
        "architecture": program_architecture(platform.machine(), struct.calcsize("P")),
        "kernel_architecture": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version for name, version in found.items() if version},
        "board": boards[0].rstrip("\0") if boards else None,
        "max_khz": figures_by_core(told_by_cores(sys, "cpufreq/cpuinfo_max_freq")),
        "emulated": emulated,
        "governor_settable": is_governor_settable(sys),
        "cpu_quota_cores": quota and quota["cores"],
    }


def program_architecture(kernel, pointer_bytes):
    """The instruction set that this Python was built for, by the names of wheels: often 32-bit on a
    64-bit kernel, whose name is all that the system tells."""
    return OF_32_BITS.get(kernel, kernel) if pointer_bytes == 4 else kernel


def os_name():
    """The distribution's name for itself, e.g. "Debian GNU/Linux 12 (bookworm)", or None."""
    for text in read_all("/etc/os-release"):
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return value.strip("\"'")
    return None


def is_emulated():
    """True where this is a program of another processor, run by QEMU's user mode.

    QEMU answers for /proc/self as if it were not there, but not for /proc/thread-self.
    """
    try:
        return os.path.basename(os.readlink("/proc/thread-self/exe")).startswith("qemu-")
    except OSError:
        return False  # not a Linux
