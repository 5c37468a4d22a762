"""The battery of a phone, and what its heat does: as it was at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Battery:
    """``charging``: what the phone hangs on ("AC", "USB", "wireless", "dock"), "" for none.
    ``thermal_status``: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown:
    from 2 on the phone slows itself down. None where the phone does not tell."""

    level_percent: int | None
    charging: str | None
    temperature_c: float | None
    thermal_status: int | None = None
