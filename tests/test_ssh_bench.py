"""``bench run --device pi`` as a user types it, where the device cannot be had or used."""

import sys

import pytest
from loopback_sshd import free_port, make_key
from remote_project import error_line
from small_disk import small_disk
from tiny_models import write_images

from bench.__main__ import main
from bench.devices.runner_python import RunnerPython

pytestmark = pytest.mark.waits


def test_it_measures_evaluates_and_leaves_only_its_cache(far, capsys):
    assert far.bench() == 0
    assert "int8.tflite" in capsys.readouterr().out
    (row,) = far.rows()
    assert (row.device, row.result.error, row.accuracy.images) == ("pi", None, 30)
    assert far.is_free() and far.is_whole()
    assert [path.name for path in far.folder.iterdir() if "pi" in path.name] == ["cache of pi"]


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ({"port": "nobody's"}, "loopback refuses connections; is SSH on there?"),
        ({"host": "pi@no-such-host.invalid"}, "no-such-host.invalid is an unknown host name"),
        ({"host_key": "unknown"}, "host key that is not known here; run ssh -F"),
        ({"host_key": "other"}, "shows a host key different from line 1 of"),
        ({"user_key": "other"}, "refuses the login; run ssh -F"),
    ],
)
def test_a_device_that_cannot_be_reached(far, capsys, tmp_path, client, message):
    host = client.pop("host", "loopback")
    port = free_port() if client.pop("port", None) else None
    for name, kind in client.items():
        client[name] = make_key(tmp_path / "other") if kind == "other" else tmp_path / "none"
    far.add("pi", port, host=host, client=client)
    assert far.bench() == 3
    line = error_line(capsys)
    assert line.startswith("error: DEVICE=pi cannot be used: pi: ") and message in line
    assert not far.cache.exists() and far.rows() == [] and far.is_whole()


def test_a_device_without_the_python_that_it_should_have(far, capsys):
    far.add("pi", python="/opt/no/python3")
    assert far.bench() == 3
    assert error_line(capsys) == (
        "error: DEVICE=pi cannot be used: pi has no /opt/no/python3; run there: sudo apt install "
        "python3; or set python of pi in devices.toml"
    )
    assert not far.cache.exists() and far.rows() == []


@pytest.mark.parametrize("account", ["the same", "another"])
def test_a_device_that_is_named_twice_is_refused(far, capsys, monkeypatch, account):
    """As two accounts, whose caches differ, too."""
    shared = far.folder / "os-release"
    shared.touch()
    monkeypatch.setattr("bench.devices.platform.SHARED_FILE", str(shared))
    far.add("the same", cache=f"{far.cache}{'' if account == 'the same' else 2}")
    assert far.bench(device="pi,the same") == 2
    assert "the same is the same device as another that DEVICE names" in error_line(capsys)
    assert far.rows() == [] and far.is_free()


def test_a_device_where_the_runner_may_not_run_is_told_what_to_do(far, capsys, monkeypatch):
    """As where its file system is mounted noexec."""
    forbidden = far.folder / "forbidden"
    forbidden.touch()
    python = RunnerPython((str(forbidden),))
    monkeypatch.setattr("bench.devices.board.provision", lambda *_: python)
    assert far.bench() == 3
    line = error_line(capsys)
    assert f"pi: nothing in {far.cache} may run there: " in line and "Permission denied" in line
    assert "is that file system mounted noexec? set cache of pi in devices.toml to" in line
    assert far.rows() == [] and far.is_free()


def test_variables_of_another_python_on_the_device_change_nothing(start_far, monkeypatch, capsys):
    """As on a board with ROS."""
    monkeypatch.setattr("bench.devices.board.provision", lambda *_: RunnerPython((sys.executable,)))
    other = "/opt/no-ros-here"
    far = start_far(
        f"PYTHONPATH={other} PYTHONHOME={other} PYTHONIOENCODING=utf-16 PYTHONSTARTUP={other}"
    )
    assert far.bench() == 0
    (row,) = far.rows()
    assert row.result.error is None and row.accuracy.images == 30


def test_a_full_disk_costs_only_the_evaluation(far, capsys, monkeypatch):
    count = 8000
    monkeypatch.setattr("bench.engine.shards.SHARD_IMAGES", count)
    write_images(far.folder / "data.npz", n=count)
    with small_disk(far.cache):
        assert far.bench("--n-eval", count) == 3
        shown = capsys.readouterr()
        assert "error: all 1 rows failed; each row above says why" in shown.err
        assert "no space left" in shown.out
        (row,) = far.rows()
        message = row.result.error.message
        assert "no space left for images-0000.npy" in message and "1.5 MB to write, " in message
        assert message.endswith("make room there, or run make device-clean DEVICE=pi")
        assert row.result.samples_ns and row.result.error.kind == "not_judged"
        assert far.is_free() and far.is_whole()


def test_the_gate_and_cleaning_know_the_device_too(far, capsys):
    (far.folder / "gate.toml").write_text("[accuracy]\nmax_drop_points = 20\n")
    command = ["gate", "--model", "tiny.keras", "--data", "data.npz", "--device", "pi"]
    assert main([*command, "--plan", "default"]) == 0
    assert "tiny on pi" in capsys.readouterr().out
    assert far.is_free() and far.is_whole()
    assert main(["device-clean", "--device", "pi"]) == 0
    assert capsys.readouterr().out == f"pi: removed {far.cache}\n"
    assert not far.cache.exists()


@pytest.mark.parametrize("command", ["gate", "device-clean"])
def test_every_command_says_in_one_line_what_is_wrong_with_a_device(far, capsys, command):
    (far.folder / "gate.toml").write_text("[accuracy]\nmax_drop_points = 20\n")
    far.between.stop()
    words = ["--model", "tiny.keras", "--data", "data.npz"] if command == "gate" else []
    assert main([command, *words, "--device", "pi"]) == 3
    assert "loopback refuses connections; is SSH on there?" in error_line(capsys)
    assert not far.cache.exists() and far.is_whole()
