"""A bench on a phone that something happens to: it goes on where it can, says what is lost where
it cannot, and leaves the phone as it was."""

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from commands import environment, files_in
from device_android.authorization import Consent
from device_android.settings import DATA
from far_project import error_line
from phone_project import PhoneProject, is_lost
from processes import wait_until
from tiny_models import write_export

from bench.remote.adb import Adb
from bench.remote.patience import Patience
from bench.remote.phone_facts import CACHE
from bench.remote.remote import Remote

pytestmark = pytest.mark.android
PLACES = pytest.mark.parametrize("place", ["timing", "judging"])
# Of the packets that a whole bench takes, in each direction, those that are lost.
PARTS = {"in": (0.0, 0.3, 0.6, 0.9), "out": (0.15, 0.45, 0.75)}
LOST_LINE = re.compile(
    "^error: .*(the line to android broke|all 1 rows failed|runs no commands: error: closed).*$",
    re.MULTILINE,
)
# A bench that stops ahead of its first turn, and says so by a file, its first argument.
STALLING = """
import sys, time
from bench.__main__ import script
from bench.child import Child
mark = sys.argv.pop(1)
def turn(self):
    open(mark, "w").close()
    time.sleep(600)
Child.turn = turn
sys.exit(script())
"""


@pytest.fixture
def pixel(tiny_project, keras_answers, emulated_phone, monkeypatch):
    """The project with the phone that all tests share; 30 images go there in three shards."""
    monkeypatch.setattr("bench.shards.SHARD_IMAGES", 10)
    return PhoneProject(tiny_project, emulated_phone, monkeypatch)


@pytest.fixture
def start_pixel(tiny_project, keras_answers, start_phone, monkeypatch):
    """``start_pixel(**options)``: the same with a phone of the test's own."""
    return lambda **options: PhoneProject(tiny_project, start_phone(**options), monkeypatch)


def check_done(pixel, code, capsys):
    """The command did its job though the line broke."""
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "note: android: the line broke" in shown.err and "error:" not in shown.err
    (row,) = pixel.rows()
    assert pixel.is_right(row)
    assert pixel.is_free() and pixel.is_whole()


def after(seconds, do):
    """``do`` so much later, in a thread of its own."""
    threading.Timer(seconds, do).start()


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


@pytest.fixture
def sent(monkeypatch):
    """How many shards each runner was told to classify, of those that were told."""
    found, plain = [], Remote._started

    def started(self, job):
        if job.images:
            found.append(len(job.images.shards))
        return plain(self, job)

    monkeypatch.setattr(Remote, "_started", started)
    return found


def test_a_line_that_breaks_ahead_of_all_timing(pixel, capsys, monkeypatch):
    """While the phone is asked for its memory."""
    plain = Remote.free_memory_bytes

    def disturbed(self):
        pixel.phone.disconnect()
        return plain(self)

    monkeypatch.setattr(Remote, "free_memory_bytes", disturbed)
    check_done(pixel, pixel.bench(), capsys)


@PLACES
def test_a_phone_that_goes_offline_and_comes_back(pixel, capsys, place):
    def away():
        pixel.phone.go_offline()
        after(2, pixel.phone.come_back)

    pixel.at(place, away)
    check_done(pixel, pixel.bench(), capsys)


def test_what_was_classified_ahead_of_a_fault_is_not_classified_again(
    pixel, sent, capsys, monkeypatch
):
    fetched, plain = [], Adb.get

    def get(self, remote, local):
        plain(self, remote, local)
        fetched.append(local.name)

    monkeypatch.setattr(Adb, "get", get)
    pixel.at("judging", pixel.phone.disconnect)
    check_done(pixel, pixel.bench(), capsys)
    assert sent == [3, 2]
    assert len(fetched) == len(set(fetched)) == 3


@PLACES
def test_a_phone_that_is_unplugged_for_good(pixel, capsys, place):
    """Its rows say so, what was timed is kept, and the command says that the device failed."""
    pixel.impatient(reconnect_s=1)
    pixel.at(place, pixel.phone.power_off)
    try:
        assert pixel.bench(files="int8.tflite,float32.tflite") == 3
    finally:
        pixel.phone.power_on()
    assert "all 2 rows failed" in error_line(capsys)
    rows = pixel.rows()
    assert len(rows) == 2 and all(map(is_lost, rows)) and pixel.is_whole()
    assert all(bool(row.result.samples_ns) == (place == "judging") for row in rows)
    pixel.phone.connect()
    assert pixel.bench() == 0
    assert pixel.is_right(pixel.rows()[0]) and pixel.is_free()


def test_a_phone_that_stays_offline(pixel, capsys):
    pixel.impatient(reconnect_s=1)
    pixel.at("timing", pixel.phone.go_offline)
    try:
        assert pixel.bench() == 3
    finally:
        pixel.phone.come_back()
    shown = capsys.readouterr().err
    assert re.search(r"note: android: given up: android: .* is offline; unplug its cable", shown)
    assert is_lost(pixel.rows()[0]) and pixel.is_whole() and pixel.is_free()


@PLACES
def test_a_phone_that_reboots(pixel, capsys, place):
    def reboot():
        pixel.phone.power_off()
        after(2, pixel.phone.power_on)

    pixel.at(place, reboot)
    check_done(pixel, pixel.bench(), capsys)


@pytest.mark.parametrize("direction", PARTS)
def test_a_line_that_breaks_at_any_packet_gives_no_wrong_figure(pixel, capsys, direction):
    """It is lost at packets spread over a whole bench, one bench after the other."""
    if not pixel.phone.path(f"{CACHE}/files").exists():
        assert pixel.bench() == 0  # else the one that is counted would push the runner too
    count = packets_of(pixel, direction)
    for part in PARTS[direction]:
        known = len(pixel.rows())
        pixel.phone.cut_at(1 + int(part * count), [direction])
        code, said = pixel.bench(), capsys.readouterr().err
        assert not pixel.phone.is_cut_due()
        assert code == 0 or (code == 3 and len(LOST_LINE.findall(said)) == 1), said
        for row in pixel.rows()[: len(pixel.rows()) - known]:
            assert pixel.is_right(row) if code == 0 else is_lost(row), (row.result.error, said)
        assert pixel.is_free() and pixel.is_whole()
    assert pixel.bench() == 0
    assert pixel.is_right(pixel.rows()[0]) and pixel.is_free()


def packets_of(pixel, direction):
    """How many a bench that is left alone takes."""
    before = pixel.phone.packets(direction)
    assert pixel.bench() == 0
    return pixel.phone.packets(direction) - before


def test_the_adb_server_is_killed(pixel, capsys):
    pixel.at("timing", lambda: pixel.phone.server.adb("kill-server"))
    check_done(pixel, pixel.bench(), capsys)


@pytest.mark.parametrize("killed", ["runner", "worker", "keeper"])
def test_a_killed_program_on_the_phone(pixel, capsys, killed):
    """A runner costs its own row alone; the keeper costs none: all is begun anew."""
    pixel.at("timing", lambda: pixel.kill(killed))
    assert pixel.bench(files="int8.tflite,float32.tflite") == 0
    rows = pixel.rows()
    errors = [str(row.result.error) for row in rows if row.result.error]
    assert len(errors) == (killed != "keeper")
    assert all("crashed: the runner died of" in error for error in errors)
    assert all(pixel.is_right(row) for row in rows if not row.result.error)
    assert pixel.is_free() and pixel.is_whole()


def test_a_phone_that_has_not_allowed_this_computer(pixel, capsys, monkeypatch):
    monkeypatch.setattr(Adb, "patience", Patience(1, 5, 3))
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
        r"\d+\.\d MB free; make room there, or type make device-clean DEVICE=android$",
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


@pytest.mark.slow
def test_a_minute_of_silence(pixel, capsys):
    """It is lost behind 20 s of it; the keeper there lets go behind 30."""
    pixel.at("timing", lambda: pixel.phone.hold(60))
    check_done(pixel, pixel.bench(), capsys)


@pytest.mark.parametrize("place", ["pushing", "timing", "judging"])
def test_ctrl_c(pixel, capsys, place):
    if place == "pushing":
        pixel.forget_library()
    pixel.at(place, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert pixel.bench() == 130
    assert "interrupted; finished rows are kept" in capsys.readouterr().err
    assert pixel.is_free() and pixel.is_whole()
    assert [bool(row.result.samples_ns) for row in pixel.rows()] == [True] * (place == "judging")


def test_another_bench_has_the_phone_until_it_is_killed(pixel, other_bench, capsys):
    process = other_bench()
    before = pixel.at_work()
    assert pixel.bench() == 3
    owner = f"{getpass.getuser()}@{socket.gethostname()}, process {process.pid}/"
    assert f"android is in use by {owner}" in error_line(capsys)
    assert pixel.at_work() == before and process.poll() is None
    process.kill()
    assert pixel.is_free()
    assert pixel.bench() == 0
    assert f"note: android: took over the lock that {owner}" in capsys.readouterr().err
    assert pixel.is_free()


def test_of_two_phones_one_goes(pixel, start_phone, capsys):
    other = start_phone()
    pixel.impatient(reconnect_s=1)
    pixel.phone.server.adb("connect", other.serial)
    pixel.at("judging", other.power_off)
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
