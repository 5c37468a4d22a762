"""What a runner answers; ``bench/runner.py`` documents the JSON."""

import json
from dataclasses import dataclass, fields

from models.errors import DeviceError

VERSION = 2


@dataclass(frozen=True)
class RunError:
    """Why a run gave nothing. Beside the runner's own kinds: "crashed", "timed_out", "garbage",
    "not_started"."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}: {self.message}"


class RunFailed(DeviceError):
    """A run that something else depends on gave an error."""


@dataclass(frozen=True)
class State:
    """The machine at one moment, ``at_s`` after the first: distinct ``governors``, the frequency
    of each core, the hottest thermal zone, the Raspberry Pi's throttling flags, the load average
    of the last minute. Empty or None where the machine does not tell."""

    at_s: float
    load_average: float | None = None
    governors: tuple[str, ...] = ()
    frequency_khz: tuple[int, ...] = ()
    temperature_c: float | None = None
    throttled: int | None = None


@dataclass(frozen=True)
class Turn:
    """``samples`` inferences without a pause, begun ``start_s`` after the first turn began."""

    start_s: float
    samples: int


@dataclass(frozen=True)
class Delegate:
    """How a .tflite file runs: so many operators ``inside`` the delegate, in ``pieces`` pieces,
    and ``outside`` it so many of each kind."""

    inside: int
    pieces: int
    outside: dict[str, int]


@dataclass(frozen=True)
class OpTime:
    """An operator as the runtime ran it, mean of the middle half of several inferences;
    ``delegated``: inside the delegate (None: the runtime has none)."""

    name: str
    kind: str
    mean_ns: float
    delegated: bool | None


@dataclass(frozen=True)
class Result:
    """What a run measured; None or empty is what it did not get to, or what cannot be told there.

    ``threads`` is what the runtime was asked for, ``os_threads`` how many there were behind
    warm-up, ``affinity`` the cores they might use. ``prepare_ns`` is None where the runtime
    prepares while it loads. ``others_share`` and ``stolen_share``: of the processor time of all
    cores while this file had its turns, what other processes and what other virtual machines had.
    """

    runtime: str
    runtime_version: str | None = None
    threads: int | None = None
    os_threads: int | None = None
    affinity: tuple[int, ...] = ()
    load_ns: int | None = None
    prepare_ns: int | None = None
    first_inference_ns: int | None = None
    warmup_runs: int | None = None
    warmup_stable: bool | None = None
    samples_ns: tuple[int, ...] = ()
    turns: tuple[Turn, ...] = ()
    states: tuple[State, ...] = ()
    others_share: float | None = None
    stolen_share: float | None = None
    peak_rss_bytes: int | None = None
    delegate: Delegate | None = None
    profile: tuple[OpTime, ...] = ()
    images: int = 0
    error: RunError | None = None
