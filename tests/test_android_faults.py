"""A bench on a phone that something happens to: it goes on where it can, says what is lost where
it cannot, and leaves the phone as it was."""

import re
import threading

import pytest
from phone_project import is_lost
from remote_project import error_line

from bench.devices.phone_facts import CACHE
from bench.devices.remote_device import RemoteDevice
from bench.devices.transport.adb import Adb

pytestmark = pytest.mark.android
PLACES = pytest.mark.parametrize("place", ["timing", "evaluating"])
# Of the packets that a whole bench takes, in each direction, those that are lost.
PARTS = {"in": (0.0, 0.4, 0.8), "out": (0.2, 0.6)}
LOST_LINE = re.compile(
    "^error: .*(connection to android|all 1 rows failed|runs no commands: error: closed).*$",
    re.MULTILINE,
)


def check_done(pixel, code, capsys):
    """The command did its job though the connection broke."""
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "note: android: the connection broke" in shown.err and "error:" not in shown.err
    (row,) = pixel.rows()
    assert pixel.is_right(row)
    assert pixel.is_free() and pixel.is_whole()


def after(seconds, do):
    """``do`` so much later, in a thread of its own."""
    threading.Timer(seconds, do).start()


@pytest.fixture
def sent(monkeypatch):
    """The number of shards of each job that classifies, in the order of the jobs."""
    found, plain = [], RemoteDevice._started

    def started(self, job):
        if job.images:
            found.append(len(job.images.shards))
        return plain(self, job)

    monkeypatch.setattr(RemoteDevice, "_started", started)
    return found


def test_a_connection_that_breaks_ahead_of_all_timing(pixel, capsys, monkeypatch):
    """While the phone is asked for its memory."""
    plain = RemoteDevice.free_memory_bytes

    def disturbed(self):
        pixel.phone.disconnect()
        return plain(self)

    monkeypatch.setattr(RemoteDevice, "free_memory_bytes", disturbed)
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

    def get(self, remote, local, most_bytes):
        plain(self, remote, local, most_bytes)
        fetched.append(local.name)

    monkeypatch.setattr(Adb, "get", get)
    pixel.at("evaluating", pixel.phone.disconnect)
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
    assert all(bool(row.result.samples_ns) == (place == "evaluating") for row in rows)
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
def test_a_connection_that_breaks_at_any_packet_gives_no_wrong_figure(pixel, capsys, direction):
    """It is lost at packets spread over a whole bench, one bench after the other."""
    if not pixel.phone.path(f"{CACHE}/files").exists():
        assert pixel.bench() == 0  # else the one that is counted would push the runner too
    count = packets_of(pixel, direction)
    for part in PARTS[direction]:
        code, rows = cut(pixel, 1 + int(part * count), direction)
        output = capsys.readouterr().err
        assert code == 0 or (code == 3 and len(LOST_LINE.findall(output)) == 1), output
        for row in rows:
            assert pixel.is_right(row) if code == 0 else is_lost(row), (row.result.error, output)
        assert pixel.is_free() and pixel.is_whole()
    assert pixel.bench() == 0
    assert pixel.is_right(pixel.rows()[0]) and pixel.is_free()


def cut(pixel, number, direction):
    """The exit code and the rows of a bench that loses its connection at that packet, or at an
    earlier one where it takes fewer: their number depends on how long it takes."""
    known = len(pixel.rows())
    pixel.phone.cut_at(number, [direction])
    code = pixel.bench()
    if not pixel.phone.is_cut_due():
        return code, pixel.rows()[: len(pixel.rows()) - known]
    assert code == 0 and number > 1
    return cut(pixel, number // 2, direction)


def packets_of(pixel, direction):
    """The number of packets of a bench that is left alone."""
    before = pixel.phone.packets(direction)
    assert pixel.bench() == 0
    return pixel.phone.packets(direction) - before


def test_the_adb_server_is_killed(pixel, capsys):
    pixel.at("timing", lambda: pixel.phone.server.adb("kill-server"))
    check_done(pixel, pixel.bench(), capsys)


@pytest.mark.slow
def test_a_minute_of_silence(pixel, capsys):
    """It is lost after 20 s of it; the agent there ends its lease after 30."""
    pixel.at("timing", lambda: pixel.phone.hold(60))
    check_done(pixel, pixel.bench(), capsys)
