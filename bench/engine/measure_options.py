"""Options of a measurement, beside those that every command has."""

import math
import re
from argparse import ArgumentParser
from dataclasses import dataclass, fields, replace

from bench.measurement.job import NATIVE, RUNTIMES
from bench.measurement.plan import PLANS, Plan, sustained
from models.command_line.errors import RequestError
from models.command_line.numbers import shown

CORE = re.compile("[0-9]{1,3}|[0-3][0-9]{3}")
ALL_RUNTIMES = tuple(runtime for runtimes in RUNTIMES.values() for runtime in runtimes)
MAX_SUSTAINED_MINUTES = 60.0


@dataclass(frozen=True)
class MeasureOptions:
    """The plan of a measurement, its files and its runtimes. None and "": what the plan has, or
    all; of ``governor``, the one that is set.

    ``precision`` is a percentage, ``time_limit`` in seconds, ``sustained`` in minutes.
    """

    plan: str = "default"
    precision: float | None = None
    time_limit: float | None = None
    files: str = ""
    runtimes: str = ""
    cores: str = ""
    strict: bool = False
    sustained: float | None = None
    profile: bool = False
    drift: bool = False
    explain: bool = False
    governor: str = ""

    def __post_init__(self) -> None:
        if self.plan not in PLANS:
            raise RequestError(f"PLAN is {self.plan!r}; expected one of: {' '.join(PLANS)}")
        for name, highest in (
            ("precision", 50.0),
            ("time_limit", 3600.0),
            ("sustained", MAX_SUSTAINED_MINUTES),
        ):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and 0 < value <= highest):
                raise RequestError(
                    f"{name.upper()} is {value:g}; expected a number above 0, up to {highest:g}"
                )
        for runtime in self.wanted_runtimes:
            if runtime not in ALL_RUNTIMES:
                raise RequestError(
                    f"RUNTIMES has {runtime!r}; expected some of: {' '.join(ALL_RUNTIMES)}"
                )
            if self.explain and runtime in NATIVE:
                raise RequestError(
                    f"EXPLAIN reads layers through the Python runtimes, not {runtime}; leave "
                    f"EXPLAIN out, or use RUNTIMES={NATIVE[runtime]}"
                )
        if not all(CORE.fullmatch(core) for core in _words(self.cores)):
            raise RequestError(
                f"CORES is {shown(self.cores)}; expected comma-separated numbers, e.g. CORES=0,1"
            )
        if self.governor and not self.governor.isidentifier():
            raise RequestError(
                f"GOVERNOR is {self.governor!r}; expected the name of a frequency governor, e.g. "
                "GOVERNOR=performance"
            )

    @property
    def given(self) -> dict[str, object]:
        """The options that differ from their defaults, by name."""
        found = {option.name: getattr(self, option.name) for option in fields(self)}
        return {o.name: found[o.name] for o in fields(self) if found[o.name] != o.default}

    @property
    def chosen_plan(self) -> Plan:
        """The plan, with what was asked for by hand."""
        if self.sustained is not None:
            return sustained(self.sustained)
        plan = PLANS[self.plan]
        if self.precision is not None:
            plan = replace(plan, precision=self.precision / 100)
        return plan if self.time_limit is None else replace(plan, time_limit_s=self.time_limit)

    @property
    def wanted_files(self) -> tuple[str, ...]:
        return _words(self.files)

    @property
    def wanted_runtimes(self) -> tuple[str, ...]:
        return _words(self.runtimes)

    @property
    def affinity(self) -> tuple[int, ...] | None:
        return tuple(map(int, _words(self.cores))) or None


HELP = {
    "plan": "quick, default, thorough or gate: the duration and the precision of the measurement",
    "precision": "half width of the median's 95 %% interval to reach, in per cent of it",
    "time_limit": "seconds of inferring for each row at most",
    "files": "exported files to measure, comma-separated, e.g. int8.tflite,int8.onnx; else all",
    "runtimes": f"runtimes to measure in, comma-separated: {' '.join(ALL_RUNTIMES)}; else "
    "those that such a device usually has",
    "cores": "cores to run on, comma-separated; else all",
    "strict": "1 fails when a measurement has a warning",
    "sustained": "minutes to infer without a pause, each row by itself; minute 1 against the last",
    "profile": "1 names the ten most expensive operators of each row",
    "drift": "1 prints the differences between the outputs of all rows and of Keras",
    "explain": "1 names the layer where a row and Keras, or two rows, begin to disagree",
    "governor": "frequency governor while measuring, e.g. performance; needs sudo with no password",
}


def add_presets(parser: ArgumentParser) -> None:
    """``--quick`` and ``--thorough``, for ``--plan quick`` and ``--plan thorough``."""
    for name in ("quick", "thorough"):
        parser.add_argument(
            f"--{name}",
            dest="plan",
            action="store_const",
            const=name,
            help=f"--plan {name}",
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
