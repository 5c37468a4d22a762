"""The battery of a phone, and what its heat does: as it was at one moment."""

from dataclasses import dataclass

THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclass(frozen=True)
class Battery:
    """``charging``: what the phone hangs on ("AC", "USB", "wireless", "dock"), "" for none.
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
