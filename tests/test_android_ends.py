"""A bench on a phone that cannot begin, or ends ahead of time: a line says why."""

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from commands import environment, files_in
from device_android.authorization import Consent
from device_android.settings import DATA
from processes import wait_until
from remote_project import error_line
from tiny_models import write_export

from bench.devices.phone_facts import CACHE
from bench.devices.transport.adb import Adb
from bench.devices.transport.transport import Timeouts

pytestmark = pytest.mark.android
# A bench that stops ahead of its first turn, and says so by a file, its first argument.
STALLING = """
import sys, time
from bench.__main__ import script
from bench.devices.runner_process import RunnerProcess
mark = sys.argv.pop(1)
def turn(self):
    open(mark, "w").close()
    time.sleep(600)
RunnerProcess.turn = turn
sys.exit(script())
"""


@pytest.fixture
def other_bench(pixel):
    """``other_bench()``: a bench of its own process that stalls while it times a file."""
    write_export(
        pixel.folder / "artifacts", "v2-1-224-random", formats=("tflite",),
        model={"weights": "random"},
    )  # fmt: skip
    pixel.before = files_in(pixel.folder / "artifacts" / "tiny")
    made, mark = [], pixel.folder / "mark"

    def start():
        words = ["run", "--weights", "random", "--quick", "--time-limit", "0.2"]
        words += ["--device", "android", "--files", "int8.tflite", "--runtimes", "litert"]
        command = [sys.executable, "-c", STALLING, str(mark), *words]
        made.append(subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL))
        wait_until(lambda: mark.exists() or made[-1].poll() is not None, 120)
        assert mark.exists()
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


@pytest.mark.parametrize("killed", ["runner", "worker", "agent"])
def test_a_killed_program_on_the_phone(pixel, capsys, killed):
    """A runner costs its own row alone; the agent costs none: all is begun anew."""
    pixel.at("timing", lambda: pixel.kill(killed))
    assert pixel.bench(files="int8.tflite,float32.tflite") == 0
    rows = pixel.rows()
    errors = [str(row.result.error) for row in rows if row.result.error]
    assert len(errors) == (killed != "agent")
    assert all("crashed: the runner died of" in error for error in errors)
    assert all(pixel.is_right(row) for row in rows if not row.result.error)
    assert pixel.is_free() and pixel.is_whole()


def test_a_phone_that_has_not_allowed_this_computer(pixel, capsys, monkeypatch):
    monkeypatch.setattr(Adb, "timeouts", Timeouts(1, 5, 3))
    pixel.phone.consent(Consent.DENY)
    pixel.phone.disconnect()
    try:
        wait_until(lambda: pixel.phone.state() == "unauthorized")
        assert pixel.bench() == 3
    finally:
        pixel.phone.consent(Consent.OPEN)
        pixel.phone.disconnect()
    wait_until(lambda: pixel.phone.state() == "device")
    line = error_line(capsys)
    assert f"{pixel.phone.serial} has not allowed this computer to debug it; accept" in line
    assert pixel.rows() == []


def test_a_full_disk(start_pixel, capsys):
    pixel = start_pixel(small_disks_mib={DATA: 4})
    assert pixel.bench() == 3
    assert re.search(
        r"no space left for libLiteRt\.so in '/data/.*/files': 6\.\d MB to write, "
        r"\d+\.\d MB free; make room there, or run make device-clean DEVICE=android$",
        error_line(capsys),
    )
    assert pixel.rows() == [] and pixel.is_free() and pixel.is_whole()


def test_a_push_that_is_cut_short(pixel, capsys):
    """The phone says that all has arrived; the hash of what did says that it has not."""
    for path in pixel.phone.path(f"{CACHE}/files").glob("*.tflite"):
        path.unlink()
    pixel.phone.truncate_push(1000)
    assert pixel.bench() == 3
    assert "arrived damaged" in str(pixel.rows()[0].result.error)
    assert not list(pixel.phone.path(f"{CACHE}/files").glob("*.tflite"))
    assert pixel.is_free()
    assert pixel.bench() == 0
    assert pixel.is_right(pixel.rows()[0])


@pytest.mark.parametrize("place", ["pushing", "timing", "evaluating"])
def test_ctrl_c(pixel, capsys, place):
    if place == "pushing":
        pixel.forget_library()
    pixel.at(place, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert pixel.bench() == 130
    assert "interrupted; finished rows are kept" in capsys.readouterr().err
    assert pixel.is_free() and pixel.is_whole()
    assert [bool(row.result.samples_ns) for row in pixel.rows()] == [True] * (place == "evaluating")


def test_another_bench_has_the_phone_until_it_is_killed(pixel, other_bench, capsys):
    process = other_bench()
    before = pixel.runners()
    assert pixel.bench() == 3
    owner = f"{getpass.getuser()}@{socket.gethostname()}, process {process.pid}/"
    assert f"android is in use by {owner}" in error_line(capsys)
    assert pixel.runners() == before and process.poll() is None
    process.kill()
    assert pixel.is_free()
    assert pixel.bench() == 0
    assert f"note: android: took over the lease that {owner}" in capsys.readouterr().err
    assert pixel.is_free()


def test_of_two_phones_one_goes(pixel, start_phone, capsys):
    other = start_phone()
    pixel.impatient(reconnect_s=1)
    pixel.phone.server.adb("connect", other.serial)
    pixel.at("evaluating", other.power_off)
    both = f"{pixel.phone.serial},{other.serial}"
    try:
        assert pixel.bench("--json", device=both) == 0
    finally:
        pixel.phone.server.adb("disconnect", other.serial)
    found = {row["device"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert "connection lost" in found[other.serial]["error"]
    assert not found[other.serial]["images"]
    here = found[pixel.phone.serial]
    assert here["error"] is None and here["images"] == 30
    assert pixel.is_free() and pixel.is_whole()
