"""The plan of a search: which quantization methods to try, and the fidelity at which to stop."""

from dataclasses import dataclass, replace

from models.command_line.errors import RequestError
from models.source import Source
from quantize.graph import layer_names
from quantize.methods.methods import DISTILLATION, LEARNED_ROUNDING, METHODS, MIXED_PRECISION
from quantize.methods.settings import SETTINGS_FILE, read_settings

AUTO = "auto"


@dataclass(frozen=True)
class Plan:
    """Names of the methods to try, in order, and the SQNR at which to stop; None: try them all.

    ``max_latency_ratio``: what layers left float may cost; 1 leaves none. ``keep_float``: names of
    layers that every method leaves float, whatever they cost.
    """

    methods: tuple[str, ...]
    min_sqnr_db: float | None
    max_latency_ratio: float = 1.0
    keep_float: tuple[str, ...] = ()

    @classmethod
    def parse(cls, methods: str, min_sqnr_db: float, max_latency_ratio: float = 1.0) -> "Plan":
        """All that take seconds for ``auto``, else the comma-separated ones of ``methods`` in that
        order, of which the first may be ``auto``; RequestError for others.

        Mixed precision is one of them where ``max_latency_ratio`` is above 1.
        """
        may_be_slower = max_latency_ratio > 1
        left_out = {LEARNED_ROUNDING, DISTILLATION, *(() if may_be_slower else (MIXED_PRECISION,))}
        quick = tuple(name for name in METHODS if name not in left_out)
        if methods == AUTO:
            return cls(quick, min_sqnr_db, max_latency_ratio)
        first, *others = methods.split(",")
        asked = (*(quick if first == AUTO else (first,)), *others)
        expected = f"expected auto or min-max, and then some others, each once: {','.join(METHODS)}"
        unknown = [name for name in asked if name not in METHODS]
        if unknown:
            raise RequestError(f"METHODS has {unknown[0]!r}; {expected}")
        if asked[0] != "min-max" or len({*asked}) < len(asked):
            raise RequestError(f"METHODS is {methods}; {expected}")
        if MIXED_PRECISION in asked and not may_be_slower:
            raise RequestError(
                f"METHODS has {MIXED_PRECISION}, but {SETTINGS_FILE} lets int8 take "
                f"max_latency_ratio = {max_latency_ratio:g} times as long as with every layer "
                "int8; expected more than 1: write max_latency_ratio = 1.1 under [int8] in "
                f"{SETTINGS_FILE}"
            )
        for last in (DISTILLATION, MIXED_PRECISION):
            after = asked[asked.index(last) + 1 :] if last in asked else ()
            if set(after) - {DISTILLATION}:
                raise RequestError(f"METHODS has {last} before others; expected it last")
        return cls(asked, None, max_latency_ratio)

    def for_random_weights(self) -> "Plan":
        """The cheapest method alone: a network that learned nothing has no accuracy to keep."""
        methods = self.methods[:1] if self.min_sqnr_db is not None else self.methods
        return replace(self, methods=methods, min_sqnr_db=None)

    @classmethod
    def of(cls, methods: str, source: Source, keep_float: str = "") -> "Plan":
        """The plan that ``methods`` and export.toml ask for; the cheapest for random weights.

        ``keep_float``: comma-separated names of layers.
        """
        settings = read_settings()
        plan = cls.parse(methods, settings.min_sqnr_db, settings.max_latency_ratio)
        plan = replace(plan, keep_float=layer_names.split_names(keep_float))
        return plan.for_random_weights() if has_random_weights(source) else plan


def has_random_weights(source: Source) -> bool:
    """Random weights: no figure of accuracy means anything."""
    return source.identity().get("weights") == "random"
