"""Records that look like a bench's, out of a seeded generator: data for tests of the report."""

from dataclasses import replace
from functools import cache
from hashlib import sha256

import numpy as np

from bench.history.run_line import RunLine
from bench.measurement.accuracy import Accuracy
from bench.measurement.environment import Environment
from bench.measurement.latency import latency
from bench.measurement.plan import DEFAULT
from bench.measurement.record import Drift, Record
from bench.measurement.result import Delegate, Result, RunError, State, Turn
from bench.measurement.warning import MeasurementWarning
from bench.report.contents import Contents, RowKey

MACHINE = Environment(
    "Test CPU 1000", 2, 8 * 2**30, "Linux 6.1", "x86_64", "3.11.2", {"litert": "2.3.0"}
)
# file, runtime, median in ms, kilobytes, right answers of 1000
ROWS = (
    ("float32.tflite", "litert", 0.42, 1651, 921),
    ("float32.tflite", "tflite-runtime", 0.39, 1651, 921),
    ("float16.tflite", "litert", 0.44, 870, 921),
    ("int8.tflite", "litert", 0.31, 640, 925),
    ("int8.tflite", "tflite-runtime", 28.25, 640, 924),
    ("int8.tflite", "litert-builtin", 9.1, 640, 924),
    ("float32.onnx", "onnxruntime", 0.64, 1680, 921),
    ("float16.onnx", "onnxruntime", 0.63, 905, 921),
    ("int8.onnx", "onnxruntime", 0.72, 803, 925),
)
NOISY = MeasurementWarning(
    "noisy", "the interval is 6 % of the median", "close other programs, or --thorough"
)
OUTSIDE = MeasurementWarning(
    "not-delegated", "1 of 30 operators ran outside the delegate", "see --profile"
)
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="9"/></svg>'


def samples(noise, median_ms, n=600):
    """Log-normal, with a few hiccups."""
    made = median_ms * 1e6 * np.exp(noise.normal(0, 0.06, n))
    made[noise.random(n) < 0.02] *= 1.8
    return tuple(int(sample) for sample in made)


def record(noise, row=ROWS[0], **fields):
    """One "run"; ``fields`` replace what it says."""
    artifact, runtime, median_ms, kilobytes, correct = row
    scheme, file_format = artifact.rsplit(".", 1)
    times = samples(noise, median_ms)
    result = Result(
        runtime, "2.3.0", 2, 2, (0, 1), 7_000_000, None, 900_000, 5, True, times,
        tuple(Turn(0.1 * i, len(times) // 10) for i in range(10)), (), 0.02, None, 90 * 2**20,
        Delegate(29, 1, {"SOFTMAX": 1}) if runtime == "litert" else None,
    )  # fmt: skip
    made = Record(
        "run", "session-1", "python -m bench run --arch v2", "0123456789abcdef", "host",
        "v2-0.35-96-demo", artifact, sha256(artifact.encode()).hexdigest(), kilobytes * 1000,
        file_format, scheme, DEFAULT, result, "demo",
        Accuracy(1000, correct, 1000 - abs(correct - 921), 997), MACHINE,
        (OUTSIDE,) if result.delegate else (), "2026-03-01T10:00:00+00:00",
    )  # fmt: skip
    return replace(made, **fields)


def run_line(one, run_id=1):
    """The line of a record in a list."""
    result, accuracy = one.result, one.accuracy
    return RunLine(
        run_id, one.time_utc, one.kind, one.session, one.commit, one.model_id, one.artifact,
        result.runtime, one.device, result.threads, latency(result.samples_ns, result.turns),
        accuracy and accuracy.top1, tuple(c.kind for c in one.warnings),
        str(result.error) if result.error else None,
    )  # fmt: skip


def hot(one, minutes=4, slowdown=0.35):
    """The same as a sustained run, a turn a second, that ends so much slower."""
    turns = tuple(Turn(float(s), 20) for s in range(60 * minutes))
    pace = np.repeat(np.linspace(1, 1 + slowdown, len(turns)), 20)
    times = tuple(int(8e6 * x) for x in pace)
    states = (State(0.0, temperature_c=45.5), State(60.0 * minutes - 1, temperature_c=81.0))
    return replace(
        one, kind="sustained",
        result=replace(one.result, samples_ns=times, turns=turns, states=states),
    )  # fmt: skip


def drifts_of(records, noise):
    """Every pair of Keras and the rows."""
    of_rows = [f"{r.artifact} {r.result.runtime} {r.device}" for r in records if r.accuracy]
    names = ["keras", *of_rows]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            alike = ("int8" in a) == ("int8" in b)
            sqnr = float(noise.uniform(60, 130) if alike else noise.uniform(22, 34))
            agreeing = 1000 if alike else int(noise.integers(988, 998))
            yield Drift(
                records[0].session, a, b, 1000, agreeing,
                None if a == names[1] and b == names[2] else sqnr, 0.9996, 0.002, 0.11,
            )  # fmt: skip


@cache
def contents(seed=1, models=("v2-0.35-96-demo", "v3-small-1-96-demo"), devices=("host", "pi")):
    """A history of four commits of every row, a failed row, warnings, a drift matrix, a sustained
    run that slows down, and a picture of the first model."""
    noise = np.random.default_rng(seed)
    newest, histories, drifts = [], {}, []
    for m, model_id in enumerate(models):
        session = []
        for d, device in enumerate(devices):
            for row in ROWS:
                slower = (1 + 0.7 * m) * (1 + 9 * d)
                shifted = (*row[:2], row[2] * slower, int(row[3] * (1 + m)), row[4] - 9 * m)
                line = [
                    record(
                        noise, shifted, model_id=model_id, device=device, session=f"session-{m}",
                        commit=f"{k:02}aa{m}{d}ff77" + ("+" if k == 3 else ""),
                        time_utc=f"2026-03-{k + 1:02}T10:00:00+00:00",
                    )
                    for k in range(4)
                ]  # fmt: skip
                session.append(line[-1])
                histories[RowKey.of(line[-1])] = tuple(map(run_line, line, range(4)))
            crashed = RunError("crashed", "the runner died of SIGSEGV; it last said: 'x | y'")
            session.append(
                replace(
                    session[-1], artifact="int16x8.tflite", scheme="int16x8", accuracy=None,
                    result=Result("tflite-runtime", threads=2, error=crashed), warnings=(NOISY,),
                )
            )  # fmt: skip
        newest += session
        drifts += drifts_of(session[: len(ROWS)], noise)
    pictures = {models[0]: PICTURE}
    return Contents(tuple(newest), histories, tuple(drifts), (hot(newest[0]),), pictures)
