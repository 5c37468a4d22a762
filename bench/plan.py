"""How an artifact is timed: warm-up and stop rule."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Warm up for at least ``warmup_runs`` runs and ``warmup_s``; then sample until there are
    ``samples`` of them or ``time_limit_s`` has passed, whichever is first."""

    warmup_runs: int = 5
    warmup_s: float = 0.5
    samples: int = 100
    time_limit_s: float = 5.0


DEFAULT = Plan()
