"""The result of a job; ``bench/on_device/job_format.py`` documents the JSON."""

from dataclasses import dataclass

from bench.measurement.environment import Battery
from bench.measurement.job import VERSION, Job
from models.command_line.errors import DeviceError

LOST = "connection_lost"
OF_THE_BENCH = ("turn_group", "batteries")  # what is not for a runner to say


@dataclass(frozen=True)
class RunError:
    """The reason why a run gave nothing. Beside the runner's own kinds: "crashed", "timed_out",
    "garbage", "not_started", "not_judged" and, of the device as a whole, "connection_lost" and
    "device_failed"."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}: {self.message}"


class ConnectionLost(DeviceError):
    """The connection to the device broke; what was done there by then is not known."""


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
    """The operators of a .tflite file as it runs: so many ``inside`` the delegate, in ``pieces``
    pieces, and ``outside`` it so many of each kind."""

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
    """The figures that a run measured; None or empty where it did not get to them, or where the
    device does not report them.

    ``threads`` is what the runtime was asked for, ``os_threads`` how many there were after
    warm-up, ``affinity`` the cores they might use. ``prepare_ns`` is None where the runtime
    prepares while it loads. ``others_share`` and ``stolen_share``: of the processor time of all
    cores while this file had its turns, what other processes and what other virtual machines had.
    ``turn_group``: those of one session with the same number took turns with each other.
    ``batteries``: the device's, before the timed part and after it; empty where it has none.
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
    turn_group: int = 0
    batteries: tuple[Battery, ...] = ()

    @classmethod
    def from_dict(cls, raw: dict, job: Job) -> "Result":
        """The answer to ``job`` as the runner wrote it; ValueError where it is not one."""
        if not isinstance(raw, dict) or raw.get("version") != VERSION:
            raise ValueError(f"not a result of version {VERSION}")
        for name in OF_THE_BENCH:
            if name in raw:
                raise ValueError(f"not a result: {name} is not for a runner to say")
        given = {name: value for name, value in raw.items() if name != "version"}
        try:
            made = cls(**{**given, "runtime": job.runtime, **_parts(given)})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a result: {error}") from error
        _check(made, job)
        return made

    @classmethod
    def failed(cls, job: Job, kind: str, message: str) -> "Result":
        """The result of a run that ended without one of its own."""
        return cls(job.runtime, threads=job.threads, error=RunError(kind, message))


def _parts(raw: dict) -> dict:
    """The fields that are more than a figure."""
    error = raw["error"]
    return {
        "affinity": tuple(raw["affinity"] or ()),
        "samples_ns": tuple(raw["samples_ns"]),
        "turns": tuple(Turn(start_ns / 1e9, samples) for start_ns, samples in raw["turns"]),
        "states": tuple(
            State(
                **{
                    **state,
                    "governors": tuple(state["governors"]),
                    "frequency_khz": tuple(state["frequency_khz"]),
                }
            )
            for state in raw["states"]
        ),
        "delegate": Delegate(**raw["delegate"]) if raw.get("delegate") else None,
        "profile": tuple(OpTime(**op) for op in raw.get("profile") or ()),
        "error": RunError(str(error["kind"]), str(error["message"])) if error else None,
    }


def _check(result: Result, job: Job) -> None:
    """ValueError where a figure cannot be one."""
    whole = ("load_ns", "prepare_ns", "first_inference_ns", "peak_rss_bytes", "os_threads")
    given = [getattr(result, name) for name in whole]
    counts = [*result.samples_ns, result.images, *(n for n in given if n is not None)]
    counts += [turn.samples for turn in result.turns]
    if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
        raise ValueError("a time or count in it is not a whole number of nanoseconds or items")
    if sum(turn.samples for turn in result.turns) != len(result.samples_ns):
        raise ValueError("its turns are not those of its samples")
    if not result.error and (result.load_ns is None or (job.plan and not result.samples_ns)):
        raise ValueError("it has neither times nor an error")
