"""Environment of a measurement: machine, system, versions; and the state of its battery."""

from dataclasses import dataclass, field

from models import checked_json
from models.checked_json import WrongField, check_range

THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
MOST_CORES, MOST_QUOTA = 2**16, 2**20
LONGEST_NAME = 1000


@dataclass(frozen=True)
class Environment:
    """The properties of a device that stay the same from run to run, as its runner reports them.

    ``cores`` are those a process may use, ``max_khz`` the highest frequency of core n at place n
    (0: it is off or does not tell; empty where none tells), ``board`` the device tree's name of a
    board, ``versions`` of the installed runtimes and numpy, ``emulated`` whether its times mean
    nothing, ``os`` what the distribution calls itself. ``architecture`` is what the runner is a
    program for, which may be one of 32 bits on the 64 of ``kernel_architecture``.
    ``governor_settable``: the user may set the frequency governor without a password.
    ``cpu_quota_cores``: the processor time that control groups let a process have, in cores; None
    where they set no limit. None of all else: not told.
    """

    cpu_model: str
    cores: int
    memory_bytes: int
    system: str
    architecture: str
    python: str | None
    versions: dict[str, str] = field(default_factory=dict)
    board: str | None = None
    max_khz: tuple[int, ...] = ()
    emulated: bool = False
    os: str | None = None
    kernel_architecture: str | None = None
    governor_settable: bool = False
    cpu_quota_cores: float | None = None

    @classmethod
    def from_dict(cls, raw: dict) -> "Environment":
        """The environment that a runner reports; ValueError where ``raw`` is something else."""
        try:
            made = checked_json.read(cls, raw)
            check_range("cores", made.cores, 1, MOST_CORES)
            made.check()
            return made
        except WrongField as error:
            raise ValueError(f"no environment: {error}") from error

    def check(self) -> None:
        """WrongField where a figure cannot be one; of a device that is not known there are 0
        cores."""
        check_range("cores", self.cores, 0, MOST_CORES)
        check_range("memory_bytes", self.memory_bytes, 0, 2**63 - 1)
        check_range("cpu_quota_cores", self.cpu_quota_cores, 0, MOST_QUOTA)
        check_range("max_khz", min(self.max_khz, default=0), 0, 2**63 - 1)
        for name in ("cpu_model", "system", "architecture", "python", "board", "os"):
            text = getattr(self, name)
            if text and len(text) > LONGEST_NAME:
                raise WrongField(name, text, f"at most {LONGEST_NAME} characters")


@dataclass(frozen=True)
class Battery:
    """The battery of a phone, and what its heat does, at one moment.

    ``charging``: the power source ("AC", "USB", "wireless", "dock"), "" for none.
    ``thermal_status``: a place in THERMAL_STATUS; from 2 on the phone slows itself down. None where
    the phone does not tell."""

    level_percent: int | None
    charging: str | None
    temperature_c: float | None
    thermal_status: int | None = None

    @property
    def thermal_word(self) -> str | None:
        """Such as "3 of 6 (severe)"; None where the phone does not tell."""
        if self.thermal_status not in range(len(THERMAL_STATUS)):
            return None if self.thermal_status is None else str(self.thermal_status)
        worst, word = len(THERMAL_STATUS) - 1, THERMAL_STATUS[self.thermal_status]
        return f"{self.thermal_status} of {worst} ({word})"
