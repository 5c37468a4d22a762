"""How long one waits for a device."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long one waits for a device; a silent one is lost behind (alive_count + 1) intervals."""

    connect_s: int
    alive_interval_s: int
    alive_count: int

    @property
    def silence_s(self) -> int:
        return (self.alive_count + 1) * self.alive_interval_s
