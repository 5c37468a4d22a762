"""The machine at one moment: load, clocks, heat, and throttling of a Raspberry Pi."""

import glob
import os
import re
import shutil

from bench.on_device.ask_program import ask
from bench.on_device.online_cores import figures_by_core, told_by_cores
from bench.on_device.system_files import read_all, whole

UNDER_VOLTAGE = 0b1  # of the Raspberry Pi's flags
FIRMWARE = "vcgencmd"
FLAGS = re.compile(r"throttled=(?:0x)?([0-9A-Fa-f]{1,8})")
MOST_DEGREES = 200


def read_clocks(root):
    """Distinct governors, and the frequency of each core."""
    governors = told_by_cores(root, "cpufreq/scaling_governor")
    frequencies = told_by_cores(root, "cpufreq/scaling_cur_freq")
    return {
        "governors": sorted(set(governors.values())),
        "frequency_khz": figures_by_core(frequencies),
    }


def read_heat(root):
    """The hottest zone's temperature."""
    zones = read_all(os.path.join(root, "class/thermal/thermal_zone*/temp"))
    found = [whole(text) or 0 for text in zones]
    # Some kernels have degrees where others have thousandths of them: no zone is as cold as those
    # would be. One without a sensor reads as 0 or far below it.
    degrees = [number if number < MOST_DEGREES else number / 1000 for number in found]
    return {"temperature_c": max((t for t in degrees if 0 < t < MOST_DEGREES), default=None)}


def read_voltage(root):
    """The one of the firmware's flags that the kernel tells everybody: under-voltage within the
    last two seconds. None where there is no such sensor."""
    for folder in glob.glob(os.path.join(root, "class/hwmon/hwmon*")):
        if read_all(os.path.join(folder, "name")) == ["rpi_volt"]:
            for alarm in read_all(os.path.join(folder, "in0_lcrit_alarm")):
                return {"throttled": UNDER_VOLTAGE if alarm == "1" else 0}
    return {"throttled": None}


# Parts of a state by the place that the system has them in, and as they are where it tells nothing.
READINGS = {"cpufreq": read_clocks, "thermal": read_heat, "hwmon": read_voltage}
NOTHING = {"governors": [], "frequency_khz": [], "temperature_c": None, "throttled": None}


def read_firmware():
    """Flags of the Raspberry Pi's firmware (bits 0 to 3: now, 16 to 19: since boot); None where
    there is none, or this user may not ask it. NoAnswer of a program that does not end.

    The kernel's own get_throttled is not read: it is some seconds old, reading it leaves a warning
    with a backtrace in the kernel's log, and kernels from 6.12 on do not have it.
    """
    program = shutil.which(FIRMWARE)
    said = ask([program, "get_throttled"]) if program else None
    found = FLAGS.fullmatch((said or "").strip())
    return int(found[1], 16) if found else None
