"""Reasons to doubt a measurement, each with what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caveat:
    """``kind`` is one word for programs (throttled, noisy, busy, few-samples, not-delegated, ...),
    ``message`` what was found, ``advice`` what to do about it."""

    kind: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}"
