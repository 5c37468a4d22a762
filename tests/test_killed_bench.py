"""A bench that is killed at any moment loses at most the measurement in progress."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from commands import environment
from tiny_models import write_export

from bench.history.history import DATABASE, History

pytestmark = pytest.mark.waits

KILLS = 20
ROW = "float32.tflite"
LONGEST = 1.5  # of the time of a whole bench


def bench(folder):
    """One row, timed only, quickly."""
    command = [sys.executable, "-m", "bench", "run", "--weights", "random", "--quick"]
    chosen = ["--time-limit", "0.2", "--files", "float32.tflite", "--runtimes", "litert"]
    return subprocess.Popen(
        [*command, *chosen],
        cwd=folder,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def until_row(process):
    """Lines that it prints, up to its row."""
    printed = [next(process.stdout)]
    while not printed[-1].startswith(ROW):
        printed.append(next(process.stdout))
    return printed


@pytest.mark.slow
def test_a_bench_killed_at_20_random_moments_loses_nothing_it_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(
        tmp_path / "artifacts",
        "v2-1-224-random",
        formats=("tflite",),
        model={"weights": "random"},
    )
    moments, shown, kept = random.Random(7), 0, []
    start = time.monotonic()
    assert bench(tmp_path).wait() == 0
    longest_s = LONGEST * (time.monotonic() - start)
    for number in range(KILLS):
        process, printed = bench(tmp_path), []
        if number % 4 == 0:  # as soon as its row is printed, however long that takes
            printed = until_row(process)
        else:
            time.sleep(moments.uniform(0, longest_s))
        os.killpg(process.pid, signal.SIGKILL)
        printed += process.communicate()[0].splitlines()
        shown += any(line.startswith(ROW) for line in printed)
        found = list(History().each(limit=None))[::-1]
        assert found[: len(kept)] == kept, "an earlier run changed or is gone"
        assert len(found) >= shown, "a run that was shown is not in the history"
        kept = found
    assert bench(tmp_path).wait() == 0
    assert len(list(History().each(limit=None))) == len(kept) + 1
    with closing(sqlite3.connect(DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert shown >= KILLS // 4
