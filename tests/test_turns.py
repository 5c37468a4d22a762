"""Files in turns, there and back; none costs another its result."""

import json
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bench.devices.host import Host
from bench.devices.runner_process import RemoteEnd, RunnerProcess
from bench.devices.transport.process import started
from bench.engine import turn_groups
from bench.engine.turn_groups import Footprint
from bench.engine.turns import in_turns
from bench.measurement.environment import Battery
from bench.measurement.plan import Plan
from models.command_line.errors import DeviceError

PLAN = Plan(warmup_s=0.0, min_samples=1, precision=0.0, time_limit_s=0.05, turn_s=0.005)
RUNNER = """
import json, sys, time
log = open({log!r}, "a", buffering=1)
job = json.loads(sys.stdin.readline())
name, turns = job["artifact"].split("-")[-1], 0
print('{{"event": "ready"}}', flush=True)
while sys.stdin.readline():
    log.write(name + "\\n")
    turns += 1
    {misbehaviour}
    enough = turns >= int(name)
    print(json.dumps({{"event": "turn", "samples": turns, "enough": enough}}), flush=True)
result = {{"version": 3, "load_ns": 1, "affinity": None, "states": [], "error": None}}
print(json.dumps({{**result, "samples_ns": [1] * turns, "turns": [[0, 1]] * turns}}))
"""


def runner(tmp_path, misbehaviour="pass"):
    path = tmp_path / "runner.py"
    path.write_text(RUNNER.format(log=str(tmp_path / "log"), misbehaviour=misbehaviour))
    return path


def jobs(job, *names):
    return {name: replace(job, artifact=job.artifact.parent / f"file-{name}") for name in names}


def quiet(*_):
    pass


def test_everyone_goes_on_until_all_have_enough(job, tmp_path):
    found = in_turns(Host(runner(tmp_path)), jobs(job, "2", "4", "1"), quiet)
    assert (tmp_path / "log").read_text().split() == ["2", "4", "1", "1", "4", "2"] * 2
    assert {name: len(result.turns) for name, result in found.items()} == {"2": 4, "4": 4, "1": 4}


def test_one_that_crashes_costs_only_its_own_result(job, tmp_path):
    crash = "import os; turns == 2 and name == '5' and os.abort()"
    found = in_turns(Host(runner(tmp_path, crash)), jobs(job, "3", "5"), quiet)
    assert found["5"].error.kind == "crashed" and "SIGABRT" in found["5"].error.message
    assert found["3"].error is None and len(found["3"].turns) == 3


def test_one_that_hangs_in_a_turn_costs_only_its_own_result(job, tmp_path):
    hang = "turns == 2 and name == '5' and time.sleep(600)"
    found = in_turns(Host(runner(tmp_path, hang), time_limit_s=2), jobs(job, "3", "5"), quiet)
    assert found["5"].error.kind == "timed_out" and found["3"].error is None


def test_a_file_that_does_not_load_costs_only_its_own_result(job, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    broken = replace(job, artifact=tmp_path / "broken.tflite", plan=PLAN)
    found = in_turns(Host(), {"good": replace(job, plan=PLAN), "bad": broken}, quiet)
    assert found["bad"].error.kind == "bad_model" and found["good"].error is None
    assert len(found["good"].turns) > 1


def test_turns_of_two_files_lie_between_each_other(job):
    """From its turn k to its turn k + 2, a file waits for two turns of the other."""
    both = {"a": replace(job, plan=PLAN), "b": replace(job, plan=PLAN)}
    found = in_turns(Host(), both, quiet)
    a, b = (np.array([turn.start_s for turn in result.turns]) for result in found.values())
    assert len(a) == len(b) > 2 and a[0] == 0
    assert min(a[2:] - a[:-2]) > 3.9 * PLAN.turn_s


def test_running_ones_are_ended_when_the_bench_is_interrupted(job, tmp_path):
    def interrupt(doing, *_):
        if "round" in doing:
            raise KeyboardInterrupt

    began = time.monotonic()
    wait = "time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        in_turns(Host(runner(tmp_path, wait)), jobs(job, "1", "2"), interrupt)
    assert time.monotonic() - began < 60 and not (tmp_path / "log").read_text()


def test_a_plan_that_waits_for_turns_is_told_to_the_runner(job):
    asked = json.loads(replace(job, in_turns=True).to_json())
    assert asked["in_turns"] and asked["plan"]["turn_s"] == job.plan.turn_s


class Small(Host):
    """A device whose memory holds two runners."""

    def free_memory_bytes(self):
        return 250 * 2**20


@pytest.fixture
def runners_of_100_mib(monkeypatch):
    monkeypatch.setitem(turn_groups.FOOTPRINTS, "litert", Footprint(100 * 2**20, 0))


def test_files_that_memory_does_not_hold_at_once_take_turns_in_groups(
    job, tmp_path, runners_of_100_mib, capsys
):
    found = in_turns(Small(runner(tmp_path)), jobs(job, "1", "2", "3", "4", "5"), quiet)
    log = (tmp_path / "log").read_text().split()
    assert log == ["1", "2", "2", "1"] + ["3", "4", "4", "3"] * 2 + ["5"] * 5
    assert {name: result.turn_group for name, result in found.items()} == {
        "1": 0, "2": 0, "3": 1, "4": 1, "5": 2
    }  # fmt: skip
    output = capsys.readouterr().err
    assert "host has 250 MiB of free memory: 5 files take turns in 3 groups" in output


def test_with_enough_memory_all_take_turns_and_nothing_is_reported(job, tmp_path, capsys):
    found = in_turns(Host(runner(tmp_path)), jobs(job, "1", "2"), quiet)
    assert {result.turn_group for result in found.values()} == {0}
    assert not capsys.readouterr().err


def test_what_is_compared_turn_by_turn_stays_together(job, tmp_path, runners_of_100_mib):
    pairs = {"1": "a", "2": "b", "3": "b"}
    found = in_turns(Small(runner(tmp_path)), jobs(job, *pairs), quiet, together=pairs.get)
    assert [result.turn_group for result in found.values()] == [0, 1, 1]


class Cut(Small):
    """A device whose connection breaks when a runner ends with exit code 255."""

    def __init__(self, runner, comes_back):
        super().__init__(runner)
        self.comes_back, self.reconnected = comes_back, 0

    def start(self, job):
        start = partial(started, [sys.executable, str(self.runner)])
        return RunnerProcess(start, job, remote=RemoteEnd((255,), lambda: None))

    def reconnect(self):
        self.reconnected += 1
        return self.comes_back


ONCE = """
    import os
    if name == "2" and turns == 2 and not os.path.exists({!r}):
        open({!r}, "w").close()
        sys.exit(255)
"""


def test_what_a_broken_connection_cost_takes_its_turns_once_more(
    job, tmp_path, runners_of_100_mib, capsys
):
    mark = str(tmp_path / "broken")
    device = Cut(runner(tmp_path, ONCE.format(mark, mark).strip()), comes_back=True)
    found = in_turns(device, jobs(job, "1", "2", "3"), quiet)
    assert device.reconnected == 1 and all(result.error is None for result in found.values())
    # Who did not lose anything keeps its turns; who did took turns with others.
    assert [result.turn_group for result in found.values()] == [0, 1, 2]
    assert "1 of 2 files take their turns again" in capsys.readouterr().err


def test_a_connection_that_breaks_again_costs_the_rows_of_its_group(
    job, tmp_path, runners_of_100_mib
):
    always = "if name == '2' and turns == 2: sys.exit(255)"
    device = Cut(runner(tmp_path, always), comes_back=True)
    found = in_turns(device, jobs(job, "1", "2", "3"), quiet)
    assert found["2"].error.kind == "connection_lost" and device.reconnected == 1
    assert found["1"].error is None and found["3"].error is None


def test_a_device_that_does_not_come_back_is_not_waited_for_again(
    job, tmp_path, runners_of_100_mib
):
    device = Cut(runner(tmp_path, "sys.exit(255)"), comes_back=False)
    found = in_turns(device, jobs(job, "1", "2", "3"), quiet)
    assert {result.error.kind for result in found.values()} == {"connection_lost"}
    assert device.reconnected == 1 and "3" not in (tmp_path / "log").read_text()


class Phone(Cut):
    """A device that ``says`` this of its battery, one after the other; an error is raised."""

    def __init__(self, runner, *says):
        super().__init__(runner, comes_back=True)
        self.says = list(says)

    def battery(self):
        output = self.says.pop(0)
        if isinstance(output, Exception):
            raise output
        return output


FULL, LESS = Battery(81, "", 29.0, 0), Battery(80, "", 33.5, 2)


def test_the_battery_of_before_and_after_is_in_each_result_of_a_group(
    job, tmp_path, runners_of_100_mib
):
    device = Phone(runner(tmp_path), FULL, LESS, LESS, FULL)
    found = in_turns(device, jobs(job, "1", "2", "3"), quiet)
    assert [one.batteries for one in found.values()] == [(FULL, LESS)] * 2 + [(LESS, FULL)]


def test_a_battery_that_is_not_told_costs_no_measurement(job, tmp_path, capsys):
    device = Phone(runner(tmp_path), DeviceError("dumpsys hangs"), LESS)
    found = in_turns(device, jobs(job, "1", "2"), quiet)
    assert {one.batteries for one in found.values()} == {(LESS,)}
    assert not any(one.error for one in found.values())
    assert "host does not report its battery: dumpsys hangs" in capsys.readouterr().err
    none = in_turns(Phone(runner(tmp_path), None, None), jobs(job, "1"), quiet)
    assert none["1"].batteries == ()


def test_no_battery_is_asked_for_after_a_lost_connection(job, tmp_path):
    mark = str(tmp_path / "broken")
    device = Phone(runner(tmp_path, ONCE.format(mark, mark).strip()), FULL, FULL, LESS)
    found = in_turns(device, jobs(job, "1", "2"), quiet)
    assert found["1"].batteries == (FULL,) and found["2"].batteries == (FULL, LESS)
