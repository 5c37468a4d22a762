"""/sys of an emulated phone: a processor with little and big cores, and its thermal zones."""

from pathlib import Path

from arm64.processor import write_sysfs

LITTLE_KHZ, BIG_KHZ = 1_785_600, 2_419_200
CAPACITY = {LITTLE_KHZ: 391, BIG_KHZ: 1024}
LEAST_KHZ, NOW_KHZ = 300_000, 1_132_800
# Of a type in thousandths of a degree Celsius; some of a phone's zones are no temperatures.
ZONES = (("cpu-0-0-usr", 41_300), ("cpu-1-0-usr", 42_700), ("gpuss-0-usr", 38_900),
         ("battery", 28_000), ("vbat", 4_012))  # fmt: skip


def write_phone_sysfs(sys: Path, cores: int) -> None:
    """Below ``sys``: the second half of the cores are the big ones; one core alone is big."""
    write_sysfs(sys, cores)
    cpus = sys / "devices" / "system" / "cpu"
    little = range(cores // 2)
    for core in range(cores):
        most_khz = LITTLE_KHZ if core in little else BIG_KHZ
        cluster = little if core in little else range(cores // 2, cores)
        folder = cpus / f"cpu{core}" / "cpufreq"
        values = {
            "cpuinfo_max_freq": most_khz,
            "cpuinfo_min_freq": LEAST_KHZ,
            "scaling_max_freq": most_khz,
            "scaling_min_freq": LEAST_KHZ,
            "scaling_cur_freq": NOW_KHZ,
            "scaling_governor": "schedutil",
            "scaling_available_governors": "schedutil performance powersave",
            "related_cpus": " ".join(map(str, cluster)),
        }
        _write(folder, values)
        _write(cpus / f"cpu{core}", {"online": 1, "cpu_capacity": CAPACITY[most_khz]})
    for number, (kind, temperature) in enumerate(ZONES):
        folder = sys / "class" / "thermal" / f"thermal_zone{number}"
        _write(folder, {"type": kind, "temp": temperature})


def _write(folder: Path, values: dict[str, int | str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")
