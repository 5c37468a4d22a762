"""A device over a connection does what this machine does, and survives a lost connection."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench_runs import QUICK
from local_transport import LocalTransport
from processes import ended, running, wait_until
from tiny_models import write_export, write_images

from bench.devices import board, reconnect, remote_device
from bench.devices.board import Board
from bench.devices.host import Host
from bench.devices.remote_device import RemoteDevice
from bench.devices.runner_archive import ENTRY, archive, sources
from bench.devices.runner_python import RunnerPython
from bench.devices.settings import DeviceSettings
from bench.measurement.job import Images, Job
from bench.measurement.result import ConnectionLost
from models.networks.spec import Preprocess

pytestmark = pytest.mark.waits

SETTINGS = DeviceSettings("far", "ssh", "", cache="~/a cache")


class Line(LocalTransport):
    """``before_get`` is called ahead of each file that is fetched; ``refusals``: how often
    connecting fails from now on."""

    def __init__(self, home):
        super().__init__({"HOME": str(home)})
        self.before_get, self.refusals, self.pushed = lambda: None, 0, []

    def connect(self):
        if self.refusals:
            self.refusals -= 1
            raise ConnectionLost("nobody there")
        super().connect()

    def put(self, local, remote, show):
        self.pushed.append(local.name)
        super().put(local, remote, show)

    def get(self, remote, local, most_bytes):
        self.before_get()
        super().get(remote, local, most_bytes)


@pytest.fixture
def connection(tmp_path):
    (tmp_path / "home").mkdir()
    return Line(tmp_path / "home")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def device_tried_for(connection, notes, monkeypatch):
    """``device_tried_for(seconds)``, which it is tried for when lost: a device that is not opened
    yet. Its Python is this one; how that is made: test_provision."""
    monkeypatch.setattr(board, "provision", lambda *_: RunnerPython((sys.executable,)))
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
    return lambda reconnect_s: RemoteDevice(
        SETTINGS, connection, Board(SETTINGS, connection), notes.append, reconnect_s=reconnect_s
    )


@pytest.fixture
def device(device_tried_for):
    return device_tried_for(60.0)


@pytest.fixture
def evaluating(tmp_path):
    """A job that classifies 30 images in three shards."""
    (artifact,) = [a for a in write_export(tmp_path / "out").artifacts if a.name == "int8.tflite"]
    pixels = np.load(write_images(tmp_path / "data.npz"))["x"]
    shards = [tmp_path / f"{n}.npy" for n in range(3)]
    for n, shard in enumerate(shards):
        np.save(shard, pixels[10 * n : 10 * n + 10])
    outputs = tuple(tmp_path / f"outputs-{n}.npy" for n in range(3))
    images = Images(tuple(shards), 30, Preprocess(), artifact.inputs[0], artifact.outputs, outputs)
    path = tmp_path / "out" / "tiny" / artifact.name
    return Job(path, "tflite", "litert", 1, images=images)


@pytest.fixture
def runner_that(tmp_path, monkeypatch):
    """Makes the real runner do something else first."""

    def put_in_front(source):
        path = tmp_path / "other_runner.pyz"
        named = sources()
        path.write_bytes(archive({**named, ENTRY: source.encode() + b"\n" + named[ENTRY]}))
        monkeypatch.setattr(board, "runner_file", lambda: nullcontext(path))

    return put_in_front


def outputs_of(job):
    return np.concatenate([np.load(path) for path in job.images.outputs])


def test_it_predicts_and_times_as_this_machine_does(device, connection, job, evaluating, tmp_path):
    with device:
        timed, evaluated = device.run(job), device.run(evaluating)
    assert timed.error is None and len(timed.samples_ns) >= QUICK.min_samples
    assert evaluated.error is None and evaluated.images == 30
    remote = outputs_of(evaluating)
    assert Host().run(evaluating).error is None
    assert np.array_equal(remote, outputs_of(evaluating))


def test_files_are_pushed_once_and_only_the_cache_stays(device, connection, evaluating, tmp_path):
    for _ in range(2):
        with device:
            assert device.run(evaluating).error is None
    assert sorted(connection.pushed) == sorted(
        ["0.npy", "1.npy", "2.npy", "int8.tflite", "lease_agent.sh", "runner.pyz"]
    )
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["a cache"]
    assert not list((tmp_path / "home" / "a cache").rglob("*outputs*/*.npy"))
    assert ended(tmp_path / "home")


def test_a_connection_that_breaks_goes_on_at_the_missing_shard(
    device, connection, evaluating, notes, runner_that, tmp_path
):
    log = tmp_path / "log"
    runner_that(
        "import numpy; load = numpy.load\n"
        f"numpy.load = lambda path, **o: (open({str(log)!r}, 'a').write(path + chr(10)), "
        "load(path, **o))[1]"
    )
    calls = []

    def cut_at_the_second():
        calls.append(1)
        if len(calls) == 2:
            connection.cut()

    connection.before_get = cut_at_the_second
    with device:
        result = device.run(evaluating)
    assert result.error is None and result.images == 30
    remote = outputs_of(evaluating)
    Host().run(evaluating)
    assert np.array_equal(remote, outputs_of(evaluating))
    assert any("the connection broke" in note for note in notes)
    read = [Path(path).name for path in log.read_text().split("\n") if path]
    names = list(dict.fromkeys(read))
    assert read.count(names[0]) == 1 and read.count(names[1]) == 2


def test_a_connection_that_breaks_after_a_shard_was_fetched_does_not_fetch_it_again(
    device, connection, evaluating, monkeypatch
):
    run, fetched, cuts = connection.run, [], []

    def cut_at_the_first_removal(argv, timeout_s, stdin=None):
        if argv[0] == "rm" and str(argv[-1]).endswith(".npy") and not cuts:
            cuts.append(connection.cut())
        return run(argv, timeout_s, stdin)

    monkeypatch.setattr(connection, "run", cut_at_the_first_removal)
    connection.before_get = lambda: fetched.append(1)
    with device:
        assert device.run(evaluating).images == 30
    assert cuts and len(fetched) == 3


def test_a_device_that_does_not_come_back_is_an_error_in_the_result(
    device_tried_for, connection, evaluating, notes
):
    def cut():
        connection.refusals = 10**6
        connection.cut()

    with device_tried_for(0.2) as device:
        connection.before_get = cut
        result = device.run(evaluating)
        tried = 10**6 - connection.refusals
        assert device.run(evaluating).error.kind == "connection_lost"
    assert result.error.kind == "connection_lost" and result.images == 0
    assert any("given up: nobody there" in note for note in notes)
    assert tried > 1 and 10**6 - connection.refusals == tried  # once is enough for all that follows


def test_a_connection_that_breaks_at_the_same_place_each_time_is_given_up(
    device, connection, evaluating
):
    starts = []
    connection.before_get = lambda: (starts.append(1), connection.cut())
    with device:
        assert device.run(evaluating).error.kind == "connection_lost"
    assert len(starts) == remote_device.FRUITLESS_TRIES


def test_an_agent_that_was_killed_is_replaced(device, evaluating, notes, tmp_path):
    with device:
        for agent in running("a cache\0" + "30"):  # and its watchdog
            os.kill(agent, signal.SIGKILL)
        time.sleep(0.2)
        assert device.run(evaluating).error is None
    assert any("the connection broke" in note for note in notes)


def test_a_runner_that_was_killed_says_so(device, job, runner_that):
    runner_that("import os; os.kill(os.getpid(), 9)")
    with device:
        result = device.run(job)
    assert result.error.kind == "crashed" and "out of memory" in result.error.message


def test_a_runner_that_hangs_is_ended_there(device, job, runner_that, monkeypatch, tmp_path):
    runner_that("import subprocess, time; subprocess.Popen(['sleep', '987']); time.sleep(987)")
    monkeypatch.setattr(Job, "allowance_s", 2.0)
    with device:
        before = running(tmp_path / "home")
        result = device.run(job)
        assert result.error.kind == "timed_out"
        assert not running("sleep\x00987")
        # The agent forks now and then, for a moment.
        wait_until(lambda: not [p for p in running(tmp_path / "home") if p not in before])


def test_what_hangs_after_a_broken_connection_is_ended_there(
    device, connection, job, runner_that, tmp_path
):
    runner_that("import time; time.sleep(986)")
    with device:
        child = device.start(job)
        deadline = time.monotonic() + 20
        while len(running(tmp_path / "home")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        device._acquired.lease._client._process.stdin.close()  # nobody says bye
        assert ended(tmp_path / "home")
        child.end()


def test_a_device_may_be_declared_to_be_emulated(device, connection, notes):
    with device:
        assert not device.environment().emulated
    settings = replace(SETTINGS, emulated=True)
    with RemoteDevice(settings, connection, Board(settings, connection), notes.append) as declared:
        assert declared.environment().emulated


def test_stop_ends_it_from_another_thread(device, job, runner_that):
    runner_that("import time; time.sleep(985)")
    with device:
        threading.Timer(1.0, device.stop).start()
        begun = time.monotonic()
        assert device.run(job).error is not None
        assert time.monotonic() - begun < 60


def test_one_that_is_in_use_names_who_has_it(device, connection, notes, tmp_path, monkeypatch):
    with device:
        monkeypatch.setattr(remote_device, "owner", lambda: "another bench")
        other = Line(tmp_path / "home")
        second = RemoteDevice(SETTINGS, other, Board(SETTINGS, other), notes.append)
        with pytest.raises(Exception, match=r"local is in use by .*process"), second:
            pass


def test_cleaning_leaves_nothing(device, connection, evaluating, tmp_path, monkeypatch, capsys):
    with device:
        device.run(evaluating)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "devices.toml").write_text(
        '[far]\ntransport = "ssh"\nhost = "x"\ncache = "~/a cache"'
    )
    monkeypatch.setattr(
        "bench.devices.device_clean.open_platform",
        lambda settings: (connection, Board(settings, connection)),
    )
    (tmp_path / "home" / "a cache" / "mine").touch()
    from bench.__main__ import main

    assert main(["device-clean", "--device", "far"]) == 0
    assert "but for: mine" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "home" / "a cache").iterdir()] == ["mine"]
    (tmp_path / "home" / "a cache" / "mine").unlink()
    assert main(["device-clean", "--device", "far"]) == 0
    assert not list((tmp_path / "home").iterdir())


def test_this_machine_is_not_cleaned(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench", "device-clean", "--device", "host"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "nothing to remove" in done.stderr
