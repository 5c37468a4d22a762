"""Early ends of a bench on a device, after which nothing runs there."""

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from bench_runs import is_running
from commands import environment
from processes import ended, wait_until
from remote_project import at_once, error_line
from tiny_models import write_export, write_images

from bench.__main__ import main
from bench.measurement.job import Job

pytestmark = pytest.mark.waits

MANY_IMAGES = 30_000
UNPROVISIONED = """
import sys
from bench.devices import board, platform
from bench.devices.runner_python import RunnerPython
from bench.__main__ import script
board.provision = lambda *_: RunnerPython((sys.executable,))
platform.SHARED_FILE = ""
if sys.argv[1:2] == ["--runner"]:
    from contextlib import nullcontext
    from pathlib import Path
    path = Path(sys.argv[2])
    board.runner_file = lambda: nullcontext(path)
    del sys.argv[1:3]
sys.exit(script())
"""


@pytest.fixture
def child(far):
    """``child()``: a bench of its own on the device, which times one file."""
    write_export(
        far.folder / "artifacts",
        "v2-1-224-random",
        formats=("tflite",),
        model={"weights": "random"},
    )
    made = []

    def start():
        words = ["run", "--weights", "random", "--quick", "--time-limit", "0.2", "--device", "pi"]
        words += ["--files", "int8.tflite", "--runtimes", "litert"]
        chosen = ["--runner", str(far.runner)] if far.runner else []
        command = [sys.executable, "-c", UNPROVISIONED, *chosen, *words]
        made.append(subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("place", ["start", "timing", "evaluating"])
def test_ctrl_c_while_the_runner_works(far, capsys, place):
    far.stall(place)
    far.when_it_stalls(far.interrupt)
    assert far.bench() == 130
    assert "interrupted; finished rows are kept" in capsys.readouterr().err
    assert far.is_free() and far.is_whole()
    assert [bool(row.result.samples_ns) for row in far.rows()] == [True] * (place == "evaluating")


def test_ctrl_c_while_connecting(far, capsys):
    far.between.freeze()
    at_once(lambda: far.between.accepted, far.interrupt)
    assert far.bench() == 130
    wait_until(lambda: not far.ssh_processes())
    assert not far.cache.exists() and far.rows() == []


def test_ctrl_c_while_images_are_pushed(far, capsys, monkeypatch):
    """More of them than fit into what lies between: the device gets a part of the file."""
    monkeypatch.setattr("bench.devices.lease.device_lease.RELEASE_S", 0.5)
    monkeypatch.setattr("bench.engine.shards.SHARD_IMAGES", MANY_IMAGES)
    write_images(far.folder / "data.npz", n=MANY_IMAGES)
    far.between.after(1_000_000, "up", lambda: (far.between.freeze(), far.interrupt()))
    assert far.bench("--n-eval", MANY_IMAGES) == 130
    assert list(far.cache.rglob("*.part.*"))
    far.between.thaw()
    assert far.is_free() and far.is_whole()


def test_ctrl_c_while_the_device_is_made_ready(far, capsys):
    far.between.after(30_000, "up", far.interrupt)
    assert far.bench() == 130
    assert far.is_free() and far.is_whole()


def test_ctrl_c_while_it_is_tried_to_reach_the_device_again(far, capsys):
    """It accepts connections, and says nothing."""

    def break_it():
        far.between.freeze()
        far.between.cut()
        at_once(lambda: far.between.accepted == 2, far.interrupt)

    far.stall("timing")
    far.when_it_stalls(break_it)
    assert far.bench() == 130
    assert not far.ssh_processes() and far.is_free() and far.is_whole()


def test_ctrl_c_on_a_connection_that_is_frozen_says_what_becomes_of_the_runner(
    far, capsys, monkeypatch
):
    """It does not wait until ssh has noticed."""
    monkeypatch.setattr("bench.devices.lease.device_lease.RELEASE_S", 0.5)
    far.stall("timing")
    far.when_it_stalls(lambda: (far.between.freeze(), far.interrupt()))
    assert far.bench() == 130
    assert (
        "note: pi: did not answer within 0.5 s; what runs there ends by itself within 30 s\n"
        in capsys.readouterr().err
    )
    far.between.thaw()
    assert far.is_free() and far.is_whole()


def test_a_bench_that_was_killed_leaves_nothing_running_and_the_next_one_takes_over(
    far, child, capsys
):
    far.stall("timing")
    process = child()
    wait_until(far.stalls)
    process.kill()
    assert ended(far.cache, within_s=10)
    assert far.bench() == 0
    output = capsys.readouterr().err
    assert f"note: pi: took over the lease that {_owner(process)}" in output
    assert far.is_free() and far.is_whole()


def test_a_second_bench_is_refused_with_the_owners_name(far, child, capsys):
    far.stall("timing")
    process = child()
    wait_until(far.stalls)
    before = far.bench_processes()
    assert far.bench() == 3
    line = error_line(capsys)
    assert f"pi is in use by {_owner(process)}" in line
    assert re.search(r" for \d+ s; wait, or end that bench$", line)
    assert main(["device-clean", "--device", "pi"]) == 3
    assert f"in use by {_owner(process)}" in error_line(capsys)
    assert far.bench_processes() == before and process.poll() is None


def test_a_runner_that_is_killed_costs_its_own_row(far, capsys):
    """As by the device's out-of-memory killer."""
    far.stall("timing")
    far.when_it_stalls(lambda: os.kill(int(far.mark.read_text()), signal.SIGKILL))
    assert far.bench("--json", files="int8.tflite,float32.tflite") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    (killed,) = [row for row in rows if row["error"]]
    assert "SIGKILL (often: out of memory)" in killed["error"]
    assert [row["images"] for row in rows if not row["error"]] == [30]
    assert far.is_free() and far.is_whole()


def test_a_runner_that_never_returns_is_ended_with_its_children(far, capsys, monkeypatch):
    monkeypatch.setattr(Job, "allowance_s", 2.0)
    child = "import time; from subprocess import Popen; child = Popen(['sleep', '600'])\n"
    told = f"    open({str(far.mark)!r}, 'w').write(str(child.pid))\n    time.sleep(600)\n"
    far.run_there(("    result = run(arguments, tell, packages)\n", f"    {child}{told}"))
    assert far.bench() == 3
    shown = capsys.readouterr()
    assert "timed out: no result within 2 s; ended it" in shown.out
    assert "error: all 1 rows failed" in shown.err
    assert far.is_free() and far.is_whole() and not is_running(int(far.mark.read_text()))


def _owner(process) -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}, process {process.pid}/"
