"""Tests of any connection that breaks, for the files of ssh and adb to import.

Their fixtures: ``between``, a BreakableRelay to the device; ``connection``, through it, lost after
two seconds of silence; ``patient``, the same after ten, not opened yet; ``messages``, a pattern of
what is said of "cut" and of "silent". The device is this machine.
"""

import os
from pathlib import PurePosixPath

import pytest
from any_connection import PATIENT_S, ignore
from small_disk import small_disk

from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

BIG_BYTES = 8_000_000


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(os.urandom(BIG_BYTES))
    return path


@pytest.mark.parametrize("reset", [False, True])
def test_a_push_that_is_cut_leaves_nothing_and_can_be_made_again(
    between, connection, messages, big, reset
):
    remote = big.parent / "there" / "file"
    remote.parent.mkdir()
    between.after(BIG_BYTES // 3, "up", lambda: between.cut(reset))
    with pytest.raises(ConnectionLost, match=messages["cut"]):
        connection.put(big, PurePosixPath(remote), ignore)
    assert not remote.exists() and not connection.is_connected()
    connection.connect()
    connection.put(big, PurePosixPath(remote), ignore)
    assert remote.read_bytes() == big.read_bytes()
    assert os.listdir(remote.parent) == ["file"]


def test_a_push_to_a_device_that_falls_silent_ends(between, connection, messages, big):
    between.after(BIG_BYTES // 3, "up", between.freeze)
    with pytest.raises(ConnectionLost, match=messages["silent"]):
        connection.put(big, PurePosixPath(big.parent / "there"), ignore)
    assert not (big.parent / "there").exists()


def test_a_device_that_is_slow_is_not_lost(between, patient, big):
    """Longer than the silence that a lost one is told by."""
    with patient:
        between.delay_s = 0.03
        patient.put(big, PurePosixPath(big.parent / "there"), ignore)
    assert (big.parent / "there").read_bytes() == big.read_bytes()


def test_a_fetch_that_is_cut_leaves_nothing(between, connection, big):
    between.after(BIG_BYTES // 3, "down", between.cut)
    with pytest.raises(ConnectionLost):
        connection.get(PurePosixPath(big), big.parent / "back", 2**40)
    assert os.listdir(big.parent) == ["big"]


@pytest.mark.parametrize("fault", ["cut", "freeze"])
def test_a_program_whose_connection_breaks_is_lost_not_failed(between, connection, fault):
    check_lost(connection, getattr(between, fault))


def check_lost(connection, fault):
    """Check that programs running at, and started after, ``fault()`` are lost and not ended."""
    process = connection.start(["sh", "-c", "echo ready; cat"])
    assert process.stdout.readline() == b"ready\n"
    fault()
    with pytest.raises(ConnectionLost):
        connection.run(["sleep", "30"], PATIENT_S)
    assert process.wait(PATIENT_S) == connection.lost_code
    process.communicate()


def test_a_full_disk_is_named_with_what_there_was_to_write_and_what_is_free(
    connection, big, tmp_path
):
    big.write_bytes(bytes(3_000_000))
    with small_disk(tmp_path / "a disk") as disk:
        (disk / "kept").write_bytes(bytes(390_000))
        with pytest.raises(DeviceError) as caught:
            connection.put(big, PurePosixPath(disk / "there"), ignore)
        assert os.listdir(disk) == ["kept"]
        assert not isinstance(caught.value, ConnectionLost)
        name = connection.name
        assert str(caught.value) == (
            f"{name}: no space left for big in '{disk}': 3.0 MB to write, 0.7 MB free; make room "
            f"there, or run make device-clean DEVICE={name}"
        )
