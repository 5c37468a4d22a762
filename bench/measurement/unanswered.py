"""The warning about what did not answer when it was asked about the machine."""

from collections.abc import Iterator

from bench.measurement.job import SOURCES
from bench.measurement.result import Result
from bench.measurement.warning import MeasurementWarning

FIRMWARE = "vcgencmd"
FILES = {
    "cpufreq": "/sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq",
    "thermal": "/sys/class/thermal/thermal_zone*/temp",
    "hwmon": "/sys/class/hwmon/hwmon*/in0_lcrit_alarm",
}


def unanswered_warnings(result: Result) -> Iterator[MeasurementWarning]:
    """One that names them all."""
    names = result.unanswered
    if not names:
        return
    unknown = ", ".join(SOURCES[name] for name in names)
    asked = "vcgencmd get_throttled" if names[0] == FIRMWARE else f"cat {FILES[names[0]]}"
    yield MeasurementWarning(
        "unanswered",
        f"{', '.join(names)} did not answer and {'was' if len(names) == 1 else 'were'} not asked "
        f"again: {unknown} not known",
        f"run there, to see whether it answers: {asked}",
    )
