"""Programs and files over the real adb to the emulated phone: its shell is mksh, its tools
toybox's."""

import os
from pathlib import PurePosixPath

import pytest
from any_connection import AWKWARD
from processes import wait_until

from bench.devices.settings import DeviceSettings
from bench.devices.transport import transfer
from bench.devices.transport.adb import Adb
from models.command_line.errors import DeviceError

pytestmark = [pytest.mark.waits, pytest.mark.android]
TMP = PurePosixPath("/data/local/tmp")


@pytest.fixture
def connection(emulated_phone, monkeypatch):
    with line_to(emulated_phone, monkeypatch) as connection:
        yield connection


def line_to(phone, monkeypatch):
    for name, value in phone.environment.items():
        monkeypatch.setenv(name, value)
    return Adb(DeviceSettings("pixel", "adb", serial=phone.serial))


def ignore(doing, done=0, total=None):
    pass


def test_the_words_of_a_command_arrive_as_they_are(connection):
    output = connection.run_check(["printf", "%s\\0", *AWKWARD], 60)
    assert output.decode().split("\0")[:-1] == AWKWARD


def test_a_program_ends_here_as_it_ended_there(connection, emulated_phone):
    asked = {"exit 0": 0, "exit 1": 1, "exit 254": 252, "kill -KILL $$": 137, "kill -SEGV $$": 139}
    assert {script: connection.run(["sh", "-c", script], 60).code for script in asked} == asked
    assert connection.run(["no-such program"], 60).code == 127
    with pytest.raises(DeviceError, match="did not end within 1 s"):
        connection.run(["sleep", "600"], 1)
    wait_until(lambda: not any(one.runs("sleep") for one in emulated_phone.processes()))


def test_a_program_that_ends_very_soon_ends_as_it_does(connection):
    for _ in range(20):  # toybox's own timeout would miss one in seven
        assert connection.run_check(["mkdir", "-p", TMP], 60) == b""


def test_files_keep_their_content_and_leave_no_parts(connection, tmp_path):
    remote = TMP / "-a folder; $(exit 9)"
    (tmp_path / "here").write_bytes(os.urandom(300_000))
    connection.run_check(["mkdir", "-p", remote], 60)
    try:
        for name in ("-rf", "it's", "ä 漢"):
            connection.put(tmp_path / "here", remote / name, ignore)
            connection.get(remote / name, tmp_path / "back", 2**40)
            assert (tmp_path / "back").read_bytes() == (tmp_path / "here").read_bytes()
        # Its ls writes no letters beyond ASCII.
        output = connection.run_check(["sh", "-c", 'cd "$1" && printf "%s\\n" *', "sh", remote], 60)
        assert sorted(output.decode().splitlines()) == ["-rf", "it's", "ä 漢"]
        with pytest.raises(DeviceError, match=r"cannot write '.*': .* is a folder$"):
            connection.put(tmp_path / "here", remote, ignore)
        with pytest.raises(DeviceError, match=r"cannot read '.*/none': .*No such file"):
            connection.get(remote / "none", tmp_path / "back", 2**40)
    finally:
        connection.run_check(["rm", "-rf", remote], 60)


def test_a_file_that_is_changed_on_the_way_gets_no_name(connection, tmp_path, monkeypatch):
    (tmp_path / "here").write_text("content")
    monkeypatch.setattr(transfer, "PUT", transfer.PUT.replace('> "$part"', '| rev > "$part"'))
    with pytest.raises(DeviceError, match="arrived damaged"):
        connection.put(tmp_path / "here", TMP / "changed", ignore)
    assert b"changed" not in connection.run_check(["ls", TMP], 60)


def test_a_full_disk_is_named_with_what_is_free(start_phone, tmp_path, monkeypatch):
    (tmp_path / "big").write_bytes(os.urandom(5_000_000))
    phone = start_phone(small_disks_mib={str(TMP): 3})
    with line_to(phone, monkeypatch) as connection:
        with pytest.raises(
            DeviceError,
            match=r"no space left for big in '/data/local/tmp': 5\.0 MB .* [0-3]\.\d MB f",
        ):
            connection.put(tmp_path / "big", TMP / "big", ignore)
        assert b"big" not in connection.run_check(["ls", TMP], 60)
