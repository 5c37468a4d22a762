"""DEVICE: the devices that it names, opened in order and closed again whatever happens."""

import pytest
from boards import Board, written

from bench.devices.open_devices import named, one_named, open_devices
from models.command_line.errors import DeviceError, RequestError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_devices_come_in_the_order_they_are_named_in(here, monkeypatch):
    written(monkeypatch, Board("pi4"), Board('my "old" pi'))
    with open_devices(named('my "old" pi, host,pi4')) as devices:
        assert [device.name for device in devices] == ['my "old" pi', "host", "pi4"]
        assert devices[0].is_open and devices[2].is_open
    assert not devices[0].is_open and not devices[2].is_open


def test_an_unknown_name_is_refused_with_the_known_ones(here, monkeypatch):
    (board,) = written(monkeypatch, Board("pi4"))
    for text in ("pi4,pi9", "pi4,", ""):
        with pytest.raises(
            RequestError, match=r"expected one of: host, android, pi4; .*devices.toml"
        ):
            named(text)
    with pytest.raises(RequestError, match="'pi4' twice"):
        named("pi4,host,pi4")
    assert not board.is_open


def test_one_that_cannot_be_opened_closes_the_others_and_is_named(here, monkeypatch):
    first, *_ = written(
        monkeypatch, Board("pi4"), Board("pi5", unreachable="connection refused"), Board("pi3")
    )
    with pytest.raises(DeviceError, match="DEVICE=pi5 cannot be used: connection refused"):
        open_devices(named("pi4,pi5,pi3")).__enter__()
    assert not first.is_open


def test_an_interruption_closes_all(here, monkeypatch):
    boards = written(monkeypatch, Board("pi4"), Board("pi5"))
    with pytest.raises(KeyboardInterrupt), open_devices(named("pi4,pi5")):
        assert all(board.is_open for board in boards)
        raise KeyboardInterrupt
    assert not any(board.is_open for board in boards)


def test_where_one_device_is_meant_several_are_refused(here, monkeypatch):
    (board,) = written(monkeypatch, Board("pi4"))
    with pytest.raises(RequestError, match=r"expected one device alone .* e\.g\. DEVICE=pi4"):
        one_named("pi4,host")
    with open_devices([one_named("pi4")]) as (device,):
        assert device is board and board.is_open
