"""The plan of a measurement: warm-up, stop rule, length of a turn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The ends of warming up and of sampling.

    Warm-up takes at least ``warmup_runs`` inferences and ends when their times no longer fall, at
    the latest after ``warmup_s``. Sampling takes at least ``min_samples`` and ends when the 95 %
    confidence interval of their median is within ``precision`` of it (0: never), at the latest
    after ``time_limit_s`` of inferring. Several artifacts take turns of ``turn_s`` each.
    """

    warmup_runs: int = 5
    warmup_s: float = 3.0
    min_samples: int = 50
    precision: float = 0.02
    time_limit_s: float = 5.0
    turn_s: float = 0.1


DEFAULT = Plan()
QUICK = Plan(warmup_s=1.0, min_samples=20, precision=0.05, time_limit_s=2.0)
THOROUGH = Plan(warmup_s=10.0, min_samples=200, precision=0.01, time_limit_s=60.0)
# Two files that take many short turns: a machine that is slow for a while hits both.
GATE = Plan(warmup_s=1.0, min_samples=20, precision=0.0, time_limit_s=2.0, turn_s=0.05)
PLANS = {"quick": QUICK, "default": DEFAULT, "thorough": THOROUGH, "gate": GATE}


def sustained(minutes: float) -> Plan:
    """Inferring without a pause for so long, the first inference included: no warm-up."""
    return Plan(
        warmup_runs=0, warmup_s=0.0, min_samples=1, precision=0.0, time_limit_s=60 * minutes
    )
