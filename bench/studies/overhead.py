"""Overhead of the runner: its median against that of a bare loop around ``invoke``.

``python -m bench.studies.overhead FILE...`` runs both on each file, each in a process of its own,
in alternating turns, several times over, and prints the median of the ratios of their medians.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.devices.host import Host
from bench.engine.turns import take_turns
from bench.measurement.job import Job
from bench.measurement.latency import latency, ratio
from bench.measurement.plan import DEFAULT
from bench.measurement.result import Result
from models.command_line import command, starting
from models.command_line.advice import module_line
from models.command_line.errors import DeviceError, RequestError
from models.command_line.progress import step
from quantize.runtime.names import IN_PYTHON

BARE = Path(__file__).parent / "bare_loop.py"


def main(argv: Sequence[str]) -> int:
    """Print a line for each file; the exit code."""
    parser = argparse.ArgumentParser(
        prog=module_line("bench.studies.overhead"), description=__doc__, allow_abbrev=False
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="of inference in each process")
    parser.add_argument("--pairs", type=int, default=7, help="of a runner and a bare loop")
    asked = parser.parse_args(argv)
    return command.exit_code(lambda: _compare(asked), "interrupted")


def _compare(asked: argparse.Namespace) -> None:
    # A precision that is never reached: both run for as long as asked.
    plan = replace(DEFAULT, precision=0.0, time_limit_s=asked.seconds)
    print(f"{'file':<40}  {'runner ms':>9}  {'bare ms':>8}  {'ratio':>6}  {'of each pair':>14}")
    for path in asked.files:
        if path.suffix[1:] not in IN_PYTHON or not path.is_file():
            raise RequestError(f"{path} is no .tflite or .onnx file; name exported files")
        runtime = IN_PYTHON[path.suffix[1:]][0]
        job = Job(path, path.suffix[1:], runtime, asked.threads, plan, in_turns=True)
        pairs = [_pair(job, f"{path}, pair {n + 1} of {asked.pairs}") for n in range(asked.pairs)]
        ratios = [ratio(runner, bare).value for runner, bare in pairs]
        runner_ms, bare_ms = (
            median(latency(r.samples_ns, ()).median_ns for r in side) / 1e6
            for side in zip(*pairs, strict=True)
        )
        print(
            f"{str(path)[-40:]:<40}  {runner_ms:>9.3f}  {bare_ms:>8.3f}  {median(ratios):>6.3f}"
            f"  {min(ratios):>5.3f} to {max(ratios):.3f}"
        )


def _pair(job: Job, doing: str) -> tuple[Result, Result]:
    """Results of the runner and the bare loop in new processes, since the layout of memory differs
    from one process to the next."""
    starts = [partial(Host().start, job), partial(Host(runner=BARE).start, job)]
    with step(doing) as show:
        found = take_turns(dict(enumerate(starts)), show)
    for result in found.values():
        if result.error:
            raise DeviceError(f"{job.artifact}: {result.error}")
    return found[0], found[1]


if __name__ == "__main__":
    sys.exit(starting.run(main))
