"""The processor's name; on ARM its cores and the chip."""

import os
import platform
import re

from bench.on_device.core_names import core_name
from bench.on_device.system_files import read_all


def processor_name(root):
    """The name of the processor; on ARM its cores, and the chip that the board's maker names, e.g.
    "Cortex-A72 (bcm2711)" or "4x Cortex-A55 + 4x Cortex-A76 (rk3588)"."""
    first, cores, implementer = {}, {}, 0
    for text in read_all(os.path.join(root, "proc/cpuinfo")):
        for line in text.splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            first.setdefault(key, value)
            if key == "CPU implementer":
                implementer = hexadecimal(value)
            elif key == "CPU part":
                name = core_name(implementer, hexadecimal(value))
                cores[name] = cores.get(name, 0) + 1
    if not cores:
        return first.get("model name") or first.get("Model") or platform.processor() or "unknown"
    alike = len(cores) == 1
    names = " + ".join(name if alike else f"{count}x {name}" for name, count in cores.items())
    compatible = read_all(os.path.join(root, "proc/device-tree/compatible"))
    # From the most to the least special; the last is "maker,chip".
    chip = compatible[0].rstrip("\0").split("\0")[-1].partition(",")[2] if compatible else ""
    return f"{names} ({chip})" if chip else names


def hexadecimal(text):
    """The number that ``text`` begins with, e.g. "0xd08"; 0 where there is none."""
    found = re.match("(?:0[xX])?([0-9A-Fa-f]{1,8})", text)
    return int(found[1], 16) if found else 0
