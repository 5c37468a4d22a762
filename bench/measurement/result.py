"""The result of a job; ``bench/on_device/job_format.py`` documents the JSON."""

from dataclasses import dataclass

from bench.measurement.environment import MOST_QUOTA, Battery
from bench.measurement.job import NATIVE, SOURCES, VERSION, Job
from models import checked_json
from models.checked_json import WrongField, check_range
from models.command_line.errors import DeviceError

LOST = "connection_lost"
OF_THE_BENCH = ("turn_group", "batteries")  # what is not for a runner to say
LISTS = (
    "affinity",
    "samples_ns",
    "turns",
    "states",
    "profile",
    "unanswered",
)  # null: there is none
NEEDED = ("affinity", "samples_ns", "turns", "states", "error")
LONGEST_MESSAGE = 4096
YEAR_S = 365.25 * 86400


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
    of core n at place n (0: it is off or does not tell), the hottest thermal zone, the Raspberry
    Pi's throttling flags, the load average of the last minute. Empty or None where the machine does
    not tell."""

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
class CpuQuota:
    """The quota of a control group, in ``cores``, which ``file`` of the device has; how often and
    how long, added up over cores, it stopped the runner during its turns."""

    cores: float
    file: str
    throttled_periods: int = 0
    throttled_ns: int = 0


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
    ``unanswered``: those of SOURCES that did not answer, and were not asked again.
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
    unanswered: tuple[str, ...] = ()
    cpu_quota: CpuQuota | None = None

    @classmethod
    def from_dict(cls, raw: dict, job: Job) -> "Result":
        """The answer to ``job`` as the runner wrote it; ValueError where it is not one."""
        if not isinstance(raw, dict) or raw.get("version") != VERSION:
            raise ValueError(f"not a result of version {VERSION}")
        for name in OF_THE_BENCH:
            if name in raw:
                raise ValueError(f"not a result: {name} is not for a runner to say")
        _check_is_of(raw, job)
        if missing := [name for name in NEEDED if name not in raw]:
            raise ValueError(f"not a result: it has no {missing[0]}")
        named = {
            **{name: value for name, value in raw.items() if name not in ("version", "runtime")},
            **{name: () for name in LISTS if raw.get(name) is None},
            "turns": _turns(raw["turns"]),
            "error": _error(raw["error"]),
        }
        try:
            made = checked_json.read(cls, {**named, "runtime": job.runtime})
            made.check()
        except WrongField as error:
            raise ValueError(f"not a result: {error}") from error
        if made.samples_ns and (not made.turns or min(made.samples_ns) < 1):
            raise ValueError("its samples are in no turns, or took no time")
        if not made.error and (made.load_ns is None or (job.plan and not made.samples_ns)):
            raise ValueError("it has neither times nor an error")
        return made

    def check(self) -> None:
        """ValueError where a figure cannot be one, whoever says so."""
        counts = ("load_ns", "prepare_ns", "first_inference_ns", "peak_rss_bytes", "os_threads")
        for name in (*counts, "threads", "warmup_runs", "images"):
            check_range(name, getattr(self, name), 0, 2**63 - 1)
        check_range("samples_ns", min(self.samples_ns, default=1), 0, 2**63 - 1)
        if self.samples_ns and 2 * self.samples_ns.count(0) >= len(self.samples_ns):
            raise ValueError("half of its samples took no time")
        for name in ("others_share", "stolen_share"):
            check_range(name, getattr(self, name), 0, 1)
        for core in self.affinity:
            check_range("affinity", core, 0, 2**16)
        for turn in self.turns:
            check_range("turns", turn.start_s, 0, YEAR_S)
            check_range("turns", turn.samples, 0, len(self.samples_ns))
        if self.turns and sum(turn.samples for turn in self.turns) != len(self.samples_ns):
            raise ValueError("its turns are not those of its samples")
        for state in self.states:
            check_range("states.at_s", state.at_s, 0, YEAR_S)
            check_range("states.temperature_c", state.temperature_c, -300, 1000)
            check_range("states.load_average", state.load_average, 0, 1e6)
            check_range("states.throttled", state.throttled, 0, 2**32)
            check_range("states.frequency_khz", min(state.frequency_khz, default=0), 0, 2**63 - 1)
        if self.delegate:
            found = (self.delegate.inside, self.delegate.pieces, *self.delegate.outside.values())
            for count in found:
                check_range("delegate", count, 0, 2**31)
        for operator in self.profile:
            check_range("profile.mean_ns", operator.mean_ns, 0, 1e18)
        _check_sources(self.unanswered)
        if quota := self.cpu_quota:
            if not 0 < quota.cores < MOST_QUOTA:
                raise WrongField("cpu_quota.cores", quota.cores, "a number of cores")
            for name in ("throttled_periods", "throttled_ns"):
                check_range(f"cpu_quota.{name}", getattr(quota, name), 0, 2**63 - 1)

    @classmethod
    def failed(cls, job: Job, kind: str, message: str) -> "Result":
        """The result of a run that ended without one of its own."""
        return cls(job.runtime, threads=job.threads, error=RunError(kind, message))


def _check_is_of(raw: dict, job: Job) -> None:
    """ValueError where ``raw`` is the answer to another job; one that failed early says less."""
    for name, of_job in (
        ("runtime", NATIVE.get(job.runtime, job.runtime)),
        ("threads", job.threads),
    ):
        if raw.get(name) not in (None, of_job):
            raise WrongField(name, raw[name], f"{of_job}, which its job has")


def sources_in(raw: dict) -> tuple[str, ...]:
    """The ``unanswered`` of a runner's line; ValueError where they are none of SOURCES."""
    given = raw.get("unanswered")
    names = checked_json.read(tuple[str, ...], () if given is None else given, "unanswered")
    _check_sources(names)
    return names


def _check_sources(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in SOURCES:
            raise WrongField("unanswered", name, f"some of {', '.join(SOURCES)}")


def _turns(raw: object) -> object:
    """The turns as fields of Turn; as they are where they are something else."""
    if not isinstance(raw, list):
        return raw
    pairs = [isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int for pair in raw]
    if not all(pairs) or any(abs(start_ns) > 2**63 for start_ns, _ in raw):
        raise ValueError("its turns are not pairs of a start in nanoseconds and a count")
    return [{"start_s": start_ns / 1e9, "samples": samples} for start_ns, samples in raw]


def _error(raw: object) -> object:
    """The error as fields of RunError, its message cut; as it is where it is something else."""
    if isinstance(raw, dict) and isinstance(raw.get("message"), str):
        return {"kind": raw.get("kind"), "message": raw["message"][:LONGEST_MESSAGE]}
    return raw
