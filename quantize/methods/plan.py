"""Which rungs of the ladder to climb: what was typed and what gate.toml asks for."""

from dataclasses import dataclass, replace

from models.command_line.errors import RequestError
from models.source import Source
from quantize.graph import layer_names
from quantize.methods.limits import read_max_latency_ratio, read_min_sqnr_db
from quantize.methods.methods import MIXED_PRECISION, RUNGS


@dataclass(frozen=True)
class Plan:
    """Which rungs to try, in order, and the fidelity at which to stop; None: climb them all.

    ``max_latency_ratio``: what layers left float may cost; 1 leaves none. ``keep_float``: names of
    layers that are float on every rung, whatever they cost.
    """

    rungs: tuple[str, ...]
    min_sqnr_db: float | None
    max_latency_ratio: float = 1.0
    keep_float: tuple[str, ...] = ()

    @classmethod
    def parse(cls, rungs: str, min_sqnr_db: float, max_latency_ratio: float = 1.0) -> "Plan":
        """All rungs for ``auto``, else those that ``rungs`` names, by commas; RequestError else.

        Mixed precision is one of them where ``max_latency_ratio`` is above 1.
        """
        may_be_slower = max_latency_ratio > 1
        if rungs == "auto":
            names = tuple(name for name in RUNGS if name != MIXED_PRECISION or may_be_slower)
            return cls(names, min_sqnr_db, max_latency_ratio)
        asked = tuple(rungs.split(","))
        expected = f"expected auto, or min-max and some of the others in order: {','.join(RUNGS)}"
        unknown = [name for name in asked if name not in RUNGS]
        if unknown:
            raise RequestError(f"RUNGS has {unknown[0]!r}; {expected}")
        if asked != tuple(name for name in RUNGS if name in {*asked, "min-max"}):
            raise RequestError(f"RUNGS is {rungs}; {expected}")
        if MIXED_PRECISION in asked and not may_be_slower:
            raise RequestError(
                f"RUNGS has {MIXED_PRECISION}, but gate.toml lets int8 take max_latency_ratio = "
                f"{max_latency_ratio:g} times as long as with every layer int8; expected more than "
                "1: write max_latency_ratio = 1.1 under [int8] in gate.toml"
            )
        return cls(asked, None, max_latency_ratio)

    def for_random_weights(self) -> "Plan":
        """The cheapest: answers of a network that learned nothing are not worth keeping."""
        rungs = self.rungs[:1] if self.min_sqnr_db is not None else self.rungs
        return replace(self, rungs=rungs, min_sqnr_db=None)

    @classmethod
    def of(cls, rungs: str, source: Source, keep_float: str = "") -> "Plan":
        """What ``rungs`` and gate.toml ask for, as far as the weights of ``source`` deserve it.

        ``keep_float``: names of layers, by commas.
        """
        plan = cls.parse(rungs, read_min_sqnr_db(), read_max_latency_ratio())
        plan = replace(plan, keep_float=layer_names.typed(keep_float))
        return plan.for_random_weights() if has_random_weights(source) else plan


def has_random_weights(source: Source) -> bool:
    """Whether no figure of accuracy means anything."""
    return source.identity().get("weights") == "random"
