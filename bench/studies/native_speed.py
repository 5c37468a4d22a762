"""The native runner against the Python runner: do they measure the same median?

``python -m bench.studies.native_speed`` runs float32 and int8 files of a model in LiteRT and in
ONNX Runtime through both runners of this machine, with the same threads and the same libraries:
each in a process of its own, in turns, several pairs of processes over. It prints the median of the
ratios of their medians, with its 95 % interval. The claim is that they are within 3 %.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np

from bench.devices.host import Host, native_runner
from bench.engine.exported import Exported, open_exported
from bench.engine.turns import take_turns
from bench.measurement.job import NATIVE, Job
from bench.measurement.latency import Interval, latency, ratio
from bench.measurement.plan import DEFAULT
from bench.measurement.result import Result
from models.command_line import command, options, starting
from models.command_line.advice import module_line
from models.command_line.errors import CheckFailed, DeviceError, RequestError
from models.command_line.options import OneLineParser, Options
from models.command_line.progress import step
from models.source import resolve

FILES = {f"{scheme}.{form}": runtime for runtime, form in (("litert", "tflite"),
         ("onnxruntime", "onnx")) for scheme in ("float32", "int8")}  # fmt: skip
NATIVE_OF = {plain: native for native, plain in NATIVE.items()}
CLAIM = 0.03  # either way
RESAMPLES = 10_000
MIN_PAIRS = 6  # fewer have no 95 % interval of their median


@dataclass(frozen=True)
class Pairs:
    """The number of ``pairs`` of processes, and ``seconds`` of inferring for each process."""

    pairs: int = 11
    seconds: float = 2.0

    def __post_init__(self) -> None:
        if not MIN_PAIRS <= self.pairs <= 1000:
            raise RequestError(f"PAIRS is {self.pairs}; expected {MIN_PAIRS} to 1000")
        if not 0 < self.seconds <= 600:
            raise RequestError(f"SECONDS is {self.seconds:g}; expected above 0, up to 600")


@dataclass(frozen=True)
class Compared:
    """Of one file: the median times, and native over Python, one ``ratios`` a pair."""

    name: str
    runtime: str
    native_ms: float
    python_ms: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def interval(self) -> Interval:
        """Of the median of the ratios, by resampling pairs: processes differ more than turns do."""
        drawn = np.random.default_rng(0).choice(self.ratios, (RESAMPLES, len(self.ratios)))
        low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
        return Interval(float(low), float(high))

    @property
    def verdict(self) -> str:
        """The claim holds, or does not, or the interval reaches across its limit: inconclusive."""
        low, high = self.interval.low - 1, self.interval.high - 1
        if low >= -CLAIM and high <= CLAIM:
            return "holds"
        return "does not hold" if low > CLAIM or high < -CLAIM else "inconclusive"


HELP = {"pairs": "of processes", "seconds": "each process, of inferring"}


def main(argv: Sequence[str]) -> int:
    """Print a line for each file; the exit code."""
    parser = OneLineParser(prog=module_line("bench.studies.native_speed"), description=__doc__)
    options.add_table(parser, Options, options.HELP)
    options.add_table(parser, Pairs, HELP)
    return command.exit_code(lambda: _compare(parser.parse_args(argv)), "interrupted")


def _compare(namespace: argparse.Namespace) -> None:
    asked = options.from_namespace(namespace)
    pairs = options.from_namespace(namespace, Pairs)
    exported = open_exported(asked, resolve(asked))
    jobs = _jobs(exported, asked.threads, pairs.seconds)
    with step("native runner") as show:
        native_runner(show)
    print(f"{exported.manifest.model_id}, {asked.threads} threads, {pairs.pairs} pairs")
    print(_line("file", "runtime", "native ms", "Python ms", "ratio", "95 %", "within 3 %"))
    found = []
    for job in jobs:
        one = _compared(job, pairs.pairs)
        between = f"{one.interval.low:.3f} to {one.interval.high:.3f}"
        times = f"{one.native_ms:.3f}", f"{one.python_ms:.3f}"
        print(_line(one.name, one.runtime, *times, f"{one.ratio:.3f}", between, one.verdict))
        sys.stdout.flush()
        found.append(one)
    slower = [f"{one.name} ({one.ratio:.3f})" for one in found if one.verdict == "does not hold"]
    if slower:
        raise CheckFailed(f"not within {CLAIM:.0%} of the Python runner: {', '.join(slower)}")


def _jobs(exported: Exported, threads: int, seconds: float) -> list[Job]:
    """The jobs of the Python runner. RequestError where none of the files is there."""
    # A precision that is never reached: both run as long as was asked for.
    plan = replace(DEFAULT, precision=0.0, time_limit_s=seconds)
    exported_files = {artifact.name: artifact for artifact in exported.manifest.artifacts}
    names = [name for name in FILES if name in exported_files]
    if not names:
        raise RequestError(f"{exported.folder} has none of: {' '.join(FILES)}")
    return [
        Job(exported.path(file), file.format, FILES[file.name], threads, plan, in_turns=True)
        for file in map(exported_files.get, names)
    ]


def _compared(job: Job, pairs: int) -> Compared:
    sides = replace(job, runtime=NATIVE_OF[job.runtime]), job
    found = []
    for number in range(pairs):
        # Who is loaded first, and has the first turn, changes from pair to pair.
        order = sides if number % 2 else sides[::-1]
        doing = f"{job.artifact.name} in {job.runtime}, pair {number + 1} of {pairs}"
        found.append(_pair({one.runtime: one for one in order}, doing))
    native, python = ([pair[side.runtime] for pair in found] for side in sides)
    return Compared(
        job.artifact.name,
        job.runtime,
        *(median(latency(r.samples_ns, ()).median_ns for r in of) / 1e6 for of in (native, python)),
        tuple(ratio(a, b).value for a, b in zip(native, python, strict=True)),
    )


def _pair(jobs: dict[str, Job], doing: str) -> dict[str, Result]:
    """Both, in new processes: where memory came to lie is another draw each time."""
    host = Host()
    with step(doing) as show:
        found = take_turns({name: partial(host.start, job) for name, job in jobs.items()}, show)
    for name, result in found.items():
        if result.error:
            raise DeviceError(f"{jobs[name].artifact.name} in {name}: {result.error}")
    return found


def _line(*cells: str) -> str:
    name, runtime, *figures, verdict = cells
    widths = (10, 10, 6, 15)
    shown = "  ".join(cell.rjust(width) for cell, width in zip(figures, widths, strict=True))
    return f"{name:<16}  {runtime:<11}  {shown}  {verdict}"


if __name__ == "__main__":
    sys.exit(starting.run(main))
