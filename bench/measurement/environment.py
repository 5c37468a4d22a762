"""Where a measurement was made: machine, system, versions."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Environment:
    """What of a device stays the same from run to run, as its runner tells it.

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
        """As the runner says it; ValueError where it is something else."""
        try:
            return cls(**{**raw, "max_khz": tuple(raw["max_khz"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no environment: {error}") from error
