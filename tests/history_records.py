"""Records with something in every field, for the tests of the history."""

from dataclasses import replace

from bench.measurement.accuracy import Accuracy, ClassChange, Flip
from bench.measurement.environment import Battery, Environment
from bench.measurement.plan import Plan
from bench.measurement.record import Drift, Record
from bench.measurement.result import CpuQuota, Delegate, OpTime, Result, State, Turn
from bench.measurement.warning import MeasurementWarning

ENVIRONMENT = Environment(
    "Test CPU", 4, 2**33, "Linux 6.1", "aarch64", "3.11.2", {"numpy": "1.26.4", "litert": "2.3.0"},
    "Test Board 4 \N{MICRO SIGN}", (1_800_000, 2_400_000), True, "Test OS 12", "aarch64", True, 1.5,
)  # fmt: skip
RESULT = Result(
    "litert", "2.3.0", 2, 5, (0, 3), 10, 20, 30, 6, False, (500, 400, 2**40, 600),
    (Turn(0.0, 3), Turn(1 / 3, 1)),
    (
        State(0.0, 0.5, ("powersave", "performance"), (600_000, 1_500_000), 47.25, 0x50005),
        State(1.5),
    ),
    0.125, 0.0, 99, Delegate(28, 2, {"SOFTMAX": 1, "RESHAPE": 2}),
    (OpTime("conv1", "CONV_2D", 1234.5, True), OpTime("out", "SOFTMAX", 7.0, None)), 30,
    unanswered=("vcgencmd",), cpu_quota=CpuQuota(1.5, "/sys/fs/cgroup/cpu.max", 3, 2_000_000),
    turn_group=2, batteries=(Battery(81, "", 29.5, 0), Battery(79, "USB", None, 3)),
)  # fmt: skip
ACCURACY = Accuracy(
    30, 29, 28, 30, 31.25, 0.999, 0.001, 0.5,
    (ClassChange(3, "dress, red", 10, 10, 9),),
    (Flip(17, "a/b 17.png", 3, 3, 1, 0.625), Flip(18, "18.png", None, 0, 2, 0.5)),
)  # fmt: skip
WARNINGS = (
    MeasurementWarning("throttled", "2 of 4 cores were slowed down", "cool the board"),
    MeasurementWarning("noisy", "the interval is 9 % wide", "close what else runs"),
)
DRIFT = Drift("s1", "keras", "int8.tflite litert host", 30, 29, 31.5, 0.999, 0.01, 0.4)


def record(result=RESULT, **fields):
    """A record with something in every field but those given."""
    made = Record(
        "run", "s1", "python -m bench run", "0123abc+", "host", "tiny", "int8.tflite", "abc", 640,
        "tflite", "int8", Plan(), result, "demo", ACCURACY, ENVIRONMENT, WARNINGS,
        "2024-01-01T00:00:00+00:00",
    )  # fmt: skip
    return replace(made, **fields)


def timed(samples_ns, turns=(), **fields):
    """The result of a run with these samples and nothing else, on one thread."""
    return Result("litert", "2.3.0", 1, samples_ns=tuple(samples_ns), turns=turns, **fields)
