"""A bench whose connection to the device breaks: it resumes where it can, and reports what is
lost where it cannot."""

import json
import threading

import pytest
from breakable_relay import BreakableRelay
from processes import running
from remote_project import at_once, error_line
from tiny_models import write_images

from bench.devices.remote_device import RemoteDevice

pytestmark = pytest.mark.waits

PUSHED_FIRST = 150_000  # more bytes than all that goes there ahead of images
MANY_IMAGES = 2000
PLACES = pytest.mark.parametrize(
    "place", [pytest.param("timing", marks=pytest.mark.slow), "evaluating"]
)


@pytest.fixture
def shards(monkeypatch):
    """The 30 images go there in three shards."""
    monkeypatch.setattr("bench.engine.shards.SHARD_IMAGES", 10)


@pytest.fixture
def at_once_again(monkeypatch):
    monkeypatch.setattr("bench.devices.reconnect.FIRST_PAUSE_S", 0.1)


def check_done(far, code, capsys, images=30):
    """The command did its job though the connection broke."""
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "note: pi: the connection broke" in shown.err and "error:" not in shown.err
    (row,) = far.rows()
    assert row.result.error is None and row.result.samples_ns
    assert row.accuracy.images == images and row.accuracy.top1 == 1
    assert far.is_free() and far.is_whole()


@pytest.fixture
def frozen(far, monkeypatch):
    """A connection that is frozen, until somebody tries to reach the device again."""
    again = RemoteDevice.reconnect

    def reconnect(self):
        far.between.thaw()
        return again(self)

    monkeypatch.setattr(RemoteDevice, "reconnect", reconnect)
    far.impatient()
    return far.between.freeze


def test_a_cut_while_files_are_timed(far, at_once_again, capsys):
    far.stall("timing", number=3)
    far.when_it_stalls(far.between.cut)
    check_done(far, far.bench(), capsys)


def test_a_cut_during_evaluation_resumes_at_the_missing_shard(far, shards, at_once_again, capsys):
    read = far.folder / "read"
    load = 'shard = np.load(path, mmap_mode="r", allow_pickle=False)'
    far.stall("evaluating", 2, (load, f"open({str(read)!r}, 'a').write(path + '\\n'); {load}"))
    # What was written ahead of it has been fetched.
    at_once(lambda: far.stalls() and not list(far.cache.glob("outputs/*/*")), far.between.cut)
    check_done(far, far.bench(), capsys)
    names = read.read_text().splitlines()
    assert [names.count(name) for name in names] == [1, 2, 2, 1]


@PLACES
def test_a_frozen_connection_is_lost_and_reached_again(far, at_once_again, capsys, frozen, place):
    far.stall(place)
    far.when_it_stalls(frozen)
    check_done(far, far.bench(), capsys)


def test_a_cut_that_the_device_does_not_notice(far, at_once_again, capsys):
    """Its agent waits for this bench, which waits for that lease to end. The lease is long enough
    that a slow machine is back before it has ended."""
    far.impatient(lease_timeout_s=15)
    far.stall("timing")
    far.when_it_stalls(far.between.forget)
    code, output = far.bench(), capsys.readouterr()
    assert code == 0, output.err
    assert (
        "note: pi: waiting until the lease of the connection that broke has ended, up to 15 s\n"
        in output.err
    )
    assert far.rows()[0].accuracy.images == 30 and far.is_free() and far.is_whole()


def test_a_cut_while_images_are_pushed(far, at_once_again, capsys):
    write_images(far.folder / "data.npz", n=MANY_IMAGES)
    far.between.after(PUSHED_FIRST, "up", far.between.cut)
    check_done(far, far.bench("--n-eval", MANY_IMAGES), capsys, MANY_IMAGES)


@pytest.mark.slow
def test_a_connection_frozen_while_images_are_pushed(far, at_once_again, capsys, frozen):
    write_images(far.folder / "data.npz", n=MANY_IMAGES)
    far.between.after(PUSHED_FIRST, "up", frozen)
    check_done(far, far.bench("--n-eval", MANY_IMAGES), capsys, MANY_IMAGES)


@pytest.mark.parametrize("fault", ["cut", pytest.param("freeze", marks=pytest.mark.slow)])
def test_a_connection_that_breaks_while_the_device_is_made_ready(far, capsys, fault):
    """Nothing was measured: that is for the user to begin again, and nothing is in the way."""
    far.impatient()
    far.between.after(30_000, "up", getattr(far.between, fault))
    assert far.bench() == 3
    line = error_line(capsys)
    assert line.startswith("error: DEVICE=pi cannot be used: the connection to pi broke")
    assert line.endswith("; is it still on, and on this network? then run the command again")
    far.between.thaw()
    assert far.rows() == [] and far.is_free(within_s=10) and far.is_whole()
    assert far.bench() == 0


@PLACES
def test_a_device_that_is_rebooted(far, shards, at_once_again, capsys, place):
    """Its server and all of its processes are killed; it is back two seconds later."""

    def reboot():
        far.power_cut()
        threading.Timer(2, far.server.start).start()

    far.stall(place, number=2)
    far.when_it_stalls(reboot)
    check_done(far, far.bench(), capsys)


@pytest.mark.parametrize("place", ["timing", "evaluating"])
def test_a_device_that_never_comes_back(far, at_once_again, capsys, monkeypatch, place):
    """Its rows say so, what was timed is kept, and the command says that the device failed."""
    monkeypatch.setattr(RemoteDevice.__init__, "__defaults__", (1.0,))
    far.stall(place)
    far.when_it_stalls(far.power_cut)
    try:
        assert far.bench(files="int8.tflite,float32.tflite") == 3
    finally:
        far.server.start()
    line, rows = error_line(capsys), far.rows()
    assert "all 2 rows failed" in line
    assert len(rows) == 2 and far.is_whole()
    assert all("connection lost" in str(row.result.error) for row in rows)
    assert all(bool(row.result.samples_ns) == (place == "evaluating") for row in rows)


def test_of_two_devices_one_dies(far, at_once_again, capsys, monkeypatch):
    monkeypatch.setattr(RemoteDevice.__init__, "__defaults__", (1.0,))
    other = far.folder / "cache of the other pi"
    with BreakableRelay(far.server.port) as line:
        far.add("other", line.port, cache=str(other))
        far.stall("timing", 2)
        far.when_it_stalls(far.between.stop)
        assert far.bench("--json", device="pi,other") == 0
    found = {row["device"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert "connection lost" in found["pi"]["error"] and not found["pi"]["images"]
    assert found["other"]["error"] is None and found["other"]["images"] == 30
    assert far.is_free() and far.is_whole() and not running(other)
