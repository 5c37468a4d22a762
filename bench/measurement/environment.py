"""Environment of a measurement: machine, system, versions; and the state of its battery."""

from dataclasses import dataclass, field

THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclass(frozen=True)
class Environment:
    """The properties of a device that stay the same from run to run, as its runner reports them.

    ``cores`` are those a process may use, ``max_khz`` the highest frequency of each core (empty
    where the system does not tell), ``board`` the device tree's name of a board, ``versions`` of
    the installed runtimes and numpy, ``emulated`` whether its times mean nothing, ``os`` what the
    distribution calls itself. ``architecture`` is what the runner is a program for, which may be
    one of 32 bits on the 64 of ``kernel_architecture``. ``governor_settable``: the user may set the
    frequency governor without a password. None: not told.
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

    @classmethod
    def from_dict(cls, raw: dict) -> "Environment":
        """The environment that a runner reports; ValueError where ``raw`` is something else."""
        try:
            return cls(**{**raw, "max_khz": tuple(raw["max_khz"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no environment: {error}") from error


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
