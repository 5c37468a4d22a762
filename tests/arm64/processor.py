"""The processors of boards and phones, as the kernel tells of them; qemu makes the instructions.

Runtimes choose their kernels by what stands in /proc/cpuinfo and /sys/devices/system/cpu, which
without a device under them would be this machine's. There is no line of a board's name or serial
number: the device is not one.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Processor:
    """``part`` is ARM's number of it, ``features`` the kernel's words for its instructions."""

    part: int
    features: str

    def cpuinfo(self, cores: int) -> str:
        """/proc/cpuinfo of that many cores of an arm64 kernel."""
        return "".join(self._core(number) for number in range(cores))

    def _core(self, number: int) -> str:
        values = {
            "processor": str(number),
            "BogoMIPS": "108.00",
            "Features": self.features,
            "CPU implementer": "0x41",
            "CPU architecture": "8",
            "CPU variant": "0x0",
            "CPU part": f"{self.part:#05x}",
            "CPU revision": "3",
        }
        return "".join(f"{name}\t: {value}\n" for name, value in values.items()) + "\n"


OF_PI_3_AND_4 = "fp asimd evtstrm crc32 cpuid"
OF_PI_5 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp"
)
PROCESSORS = {
    "cortex-a53": Processor(0xD03, OF_PI_3_AND_4),
    "cortex-a72": Processor(0xD08, OF_PI_3_AND_4),
    "cortex-a76": Processor(0xD0B, OF_PI_5),
}


def write_sysfs(sys: Path, cores: int) -> None:
    """The lists of cores below ``sys``."""
    folder = sys / "devices" / "system" / "cpu"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("online", "possible", "present"):
        (folder / name).write_text(f"0-{cores - 1}\n")
