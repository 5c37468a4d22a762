"""A device whose clock jumps while a bench is there, as a Raspberry Pi's does when NTP answers."""

import sys

import pytest
from fake_clock import needs_faketime

from bench.devices.runner_python import RunnerPython

pytestmark = pytest.mark.waits

YEAR_S = 365 * 86400.0
# The sample in the middle of which it jumps, and a sleep that this library does not break.
JUMP = """import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)
begun = []


def jump():
    begun.append(time.time())
    if len(begun) == 5:
        with open({clock!r}, "w") as file:
            file.write({years!r})
        with open({seen!r}, "w") as file:
            file.write(str(time.time() - begun[-1]))


class JobError(Exception):"""

CALL = "        from bench.on_device.job_error import jump\n        jump()\n"


@needs_faketime
@pytest.mark.parametrize("years", ["-10y", pytest.param("+10y", marks=pytest.mark.slow)])
def test_a_jump_of_the_clock_changes_no_figure_and_no_lock(
    start_far, fake_clock, tmp_path, capsys, monkeypatch, years
):
    monkeypatch.setattr("bench.devices.board.provision", lambda *_: RunnerPython((sys.executable,)))
    seen = tmp_path / "seen"
    far = start_far(" ".join(f"{name}={value}" for name, value in fake_clock.environment.items()))
    jump = JUMP.format(clock=str(fake_clock.file), seen=str(seen), years=years)
    before = "        before = clock()\n"
    far.run_there(("class JobError(Exception):", jump), (before, before + CALL))
    assert far.bench() == 0
    assert abs(float(seen.read_text())) > 9 * YEAR_S
    assert "note: pi" not in capsys.readouterr().err
    (row,) = far.rows()
    result = row.result
    assert result.error is None and row.accuracy.images == 30
    assert all(0 < ns < 60e9 for ns in [*result.samples_ns, result.first_inference_ns])
    starts = [turn.start_s for turn in result.turns]
    assert starts == sorted(starts) and starts[0] == 0 and starts[-1] < 60
    assert all(0 <= state.at_s < 60 for state in result.states)
    assert far.is_free() and far.is_whole()
