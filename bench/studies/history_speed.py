"""Times of a long history, 100,000 runs: ``python -m bench.studies.history_speed``.

The runs are copies of a few hundred with noise for samples, in a temporary folder.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

from bench.history import rows
from bench.history.history import DATABASE, History
from bench.measurement.accuracy import Accuracy
from bench.measurement.environment import Environment
from bench.measurement.plan import Plan
from bench.measurement.record import Record
from bench.measurement.result import Result, State, Turn
from bench.measurement.warning import MeasurementWarning
from models.command_line.advice import module_line

SERIES = tuple(
    product(
        ("v1-1-224", "v2-1-224", "v3-large-1-224", "v3-small-1-224"),
        ("float32.tflite", "float16.tflite", "int8.tflite", "float32.onnx", "int8.onnx"),
        ("host", "pi4", "pi5"),
        ("run", "run", "gate", "baseline"),
    )
)
OF_RUN = ("samples", "states", "caveats", "accuracy")
SAMPLES, TURNS = 400, 20
ROUNDS = 5


def fill(history: History, runs: int) -> None:
    """Write ``runs`` runs, in one transaction."""
    noise = np.random.default_rng(0)
    environment = Environment("noise", 4, 2**32, "none", "none", None)
    turns = tuple(Turn(0.2 * turn, SAMPLES // TURNS) for turn in range(TURNS))
    with history.writing() as connection:
        for number, (model_id, artifact, device, kind) in enumerate(SERIES):
            samples = tuple(noise.normal(4e5, 2e4, SAMPLES).astype(np.int64).tolist())
            result = Result(
                "litert", "0", 2, samples_ns=samples, turns=turns, states=(State(0.0),) * 3
            )
            record = Record(
                kind, f"{number}/1", "noise", "0123abc", device, model_id, artifact, str(number),
                1, artifact.split(".")[1], artifact.split(".")[0], Plan(), result, "noise",
                Accuracy(1000, 900, 990), environment,
                (MeasurementWarning("noisy", "noise", "none"),),
            )  # fmt: skip
            rows.insert(connection, record)
        for first in range(len(SERIES), runs, len(SERIES)):
            _copy(connection, first, min(len(SERIES), runs - first))


def _copy(connection: sqlite3.Connection, first: int, n: int) -> None:
    """The first ``n`` runs again, with ids after ``first``."""
    for table, key in (("runs", "id"), *((table, "run_id") for table in OF_RUN)):
        columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(f"{key} + {first}" if name == key else name for name in columns)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} "
            f"WHERE {key} <= {n}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=module_line("bench.studies.history_speed"), description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--runs", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / DATABASE)
        fill(history, asked.runs)
        mebibytes = history.path.stat().st_size / 2**20
        print(f"{asked.runs:,} runs, {mebibytes:,.0f} MiB; medians of {ROUNDS}, in turns")
        print(f"  {'':<36}{'wall s':>8}{'CPU s':>8}")
        timed = {
            "bench list": lambda: _python(folder, "-m", "bench", "list"),
            "bench list of one model and device": lambda: _python(
                folder, *("-m", "bench", "list", "--model", "v2-1-224", "--device", "pi4")
            ),
            "of these, Python and numpy alone": lambda: _python(folder, "-c", "import numpy"),
            "History.newest": history.newest,
            "History.listing(20)": lambda: history.listing(20),
            "History.get": lambda: history.get(asked.runs // 2),
            "History.check": history.check,
        }
        for name, (wall_s, cpu_s) in _in_turns(timed).items():
            print(f"  {name:<36}{wall_s:8.3f}{cpu_s:8.3f}")


def _in_turns(timed: dict[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    """The median time of each, and that of the processor, which a busy machine leaves alone."""
    found = {name: [] for name in timed}
    for _ in range(ROUNDS):
        for name, call in timed.items():
            before = _clocks()
            call()
            found[name].append(_clocks() - before)
    return {name: np.median(seconds, axis=0) for name, seconds in found.items()}


def _clocks() -> np.ndarray:
    """Seconds on the wall, and of the processor in this process and its finished children."""
    return np.array([time.perf_counter(), sum(os.times()[:4])])


def _python(folder: str, *arguments: str) -> None:
    root = str(Path(__file__).parent.parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
