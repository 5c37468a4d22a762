"""A warning about a measurement: a reason not to trust it, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass

Again = Callable[..., str]  # the command that measures the same with other variables


@dataclass(frozen=True)
class MeasurementWarning:
    """``kind`` is one word for programs, ``message`` what was found, ``advice`` what to do."""

    kind: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}"
