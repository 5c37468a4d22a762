"""What the engine adds: its median against that of a bare loop around ``invoke``.

``python -m bench.overhead FILE...`` runs both on each file, each in a process of its own, in turns,
and prints the ratio of the medians with its 95 % interval.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.host import Host
from bench.job import Job
from bench.plan import DEFAULT
from bench.statistics import latency, ratio
from bench.turns import take_turns
from models import command
from models.errors import DeviceError, RequestError
from models.progress import step

RUNTIME_OF = {".tflite": "litert", ".onnx": "onnxruntime"}
BARE = Path(__file__).parent / "bare_loop.py"


def main(argv: Sequence[str]) -> int:
    """Print a line for each file; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=DEFAULT.time_limit_s)
    asked = parser.parse_args(argv)
    return command.exit_code(lambda: _compare(asked), "interrupted")


def _compare(asked: argparse.Namespace) -> None:
    # A precision that is never reached: both run as long as was asked for.
    plan = replace(DEFAULT, precision=0.0, time_limit_s=asked.seconds)
    print(f"{'file':<40}  {'engine ms':>9}  {'bare ms':>9}  {'ratio':>6}  {'95 %':>16}  {'n':>6}")
    for path in asked.files:
        if path.suffix not in RUNTIME_OF or not path.is_file():
            raise RequestError(f"{path} is no file; expected .tflite or .onnx files")
        runtime = RUNTIME_OF[path.suffix]
        job = Job(path, path.suffix[1:], runtime, asked.threads, plan, in_turns=True)
        devices = {"engine": Host(), "bare": Host(runner=BARE)}
        with step(str(path)) as show:
            starts = {name: partial(device.start, job) for name, device in devices.items()}
            found = take_turns(starts, show)
        for result in found.values():
            if result.error:
                raise DeviceError(f"{path}: {result.error}")
        engine, bare = (latency(r.samples_ns, r.turns) for r in found.values())
        times = ratio(found["engine"], found["bare"])
        print(
            f"{str(path)[-40:]:<40}  {engine.median_ns / 1e6:>9.3f}  {bare.median_ns / 1e6:>9.3f}"
            f"  {times.value:>6.3f}  {times.interval.low:>7.3f}-{times.interval.high:<7.3f}"
            f"  {engine.n:>6}"
        )


if __name__ == "__main__":
    command.end_as_by_ctrl_c()
    sys.exit(main(sys.argv[1:]))
