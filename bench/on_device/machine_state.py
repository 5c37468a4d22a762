"""The machine at one moment: load, clocks, heat, and throttling of a Raspberry Pi."""

import glob
import os
import shutil
import subprocess
import time

from bench.on_device.system_files import ASKING_S, read_all

UNDER_VOLTAGE = 0b1  # of the Raspberry Pi's flags


def read_state(begun, root="/sys"):
    """The machine at this moment; what it does not tell is empty or null."""
    policies = os.path.join(root, "devices/system/cpu/cpu*/cpufreq")
    zones = read_all(os.path.join(root, "class/thermal/thermal_zone*/temp"))
    temperatures = [int(text) / 1000 for text in zones if text.lstrip("-").isdigit()]
    frequencies = read_all(os.path.join(policies, "scaling_cur_freq"))
    return {
        "at_s": time.monotonic() - begun,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "governors": sorted(set(read_all(os.path.join(policies, "scaling_governor")))),
        "frequency_khz": [int(text) for text in frequencies if text.isdigit()],
        # A zone without a sensor reads as 0 or far below it.
        "temperature_c": max((t for t in temperatures if 0 < t < 200), default=None),
        "throttled": read_throttled(root),
    }


def read_throttled(root="/sys"):
    """Flags of the Raspberry Pi's firmware (bits 0 to 3: now, 16 to 19: since boot), or None.

    The kernel's own get_throttled is not read: it is some seconds old, reading it leaves a warning
    with a backtrace in the kernel's log, and kernels from 6.12 on do not have it.
    """
    program = shutil.which("vcgencmd")
    if program:
        command = [program, "get_throttled"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=ASKING_S, check=True
            )
            return int(done.stdout.strip().partition("=")[2], 16)
        except (OSError, subprocess.SubprocessError, ValueError):
            pass  # the user may not ask the firmware, but the kernel does
    return read_voltage(root)


def read_voltage(root):
    """The one of these flags that the kernel tells everybody: under-voltage within the last two
    seconds. None where there is no such sensor."""
    for folder in glob.glob(os.path.join(root, "class/hwmon/hwmon*")):
        if read_all(os.path.join(folder, "name")) == ["rpi_volt"]:
            for alarm in read_all(os.path.join(folder, "in0_lcrit_alarm")):
                return UNDER_VOLTAGE if alarm == "1" else 0
    return None
