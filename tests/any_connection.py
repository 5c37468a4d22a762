"""Tests of any connection to a device, for the files of ssh and adb to import, whose fixture
``connection`` it is."""

import contextlib
import os
import time
from pathlib import PurePosixPath

import pytest
from processes import is_alive, running, wait_until

from bench.devices.transport import transfer
from models.command_line.errors import DeviceError

AWKWARD = [
    "a b", "it's", 'say "so"', "a;exit 9", "$(exit 9)", "`exit 9`", "$HOME", "two\nlines", "-rf",
    "--", "ä é 漢 🙂", "back\\slash", "*", "~", "!!", "&", "|", ">", "#", "%h", "\t", "'\"'", "",
]  # fmt: skip

# Scripts over ssh, and the exit codes that they end with here: 255 is ssh's own.
ENDS_OVER_SSH = [
    ("exit 0", 0), ("exit 3", 3), ("exit 255", 254), ("kill -KILL $$", 137), ("kill $$", 143),
]  # fmt: skip

PATIENT_S = 300.0  # what is over at once on an idle machine may take this long on a busy one


def ignore(doing, done=0, total=None):
    pass


def test_the_words_of_a_command_arrive_as_they_are(connection):
    output = connection.run_check(["printf", "%s\\0", *AWKWARD], PATIENT_S)
    assert output.decode().split("\0")[:-1] == AWKWARD


def test_a_program_that_is_not_there_is_127_and_an_error_in_one_line(connection):
    assert connection.run(["no-such program"], PATIENT_S).code == 127
    with pytest.raises(
        DeviceError, match=rf"^{connection.name}: 'no-such program': .*(No such|not found).*$"
    ):
        connection.run_check(["no-such program"], PATIENT_S)


def test_a_started_program_is_spoken_to_while_it_runs(connection):
    process = connection.start(["cat"])
    for output in (b"one\n", b"two\n"):
        process.stdin.write(output)
        process.stdin.flush()
        assert process.stdout.readline() == output
    process.stdin.close()
    assert process.wait(30) == 0


def test_a_program_that_does_not_return_is_ended_there_too(connection, tmp_path):
    script = f"echo $$ > '{tmp_path}/pid'; exec sleep 300"
    with pytest.raises(DeviceError, match="did not end within 1 s"):
        connection.run(["sh", "-c", script], 1)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid))


@pytest.mark.parametrize("name", [name for name in AWKWARD if name])
def test_files_keep_their_content_under_any_name(connection, tmp_path, name):
    remote = tmp_path / "a folder; $(exit 9)" / name
    remote.parent.mkdir()
    (tmp_path / "here").write_bytes(os.urandom(100_000))
    connection.put(tmp_path / "here", PurePosixPath(remote), ignore)
    assert remote.read_bytes() == (tmp_path / "here").read_bytes()
    connection.get(PurePosixPath(remote), tmp_path / name, 2**40)
    assert (tmp_path / name).read_bytes() == (tmp_path / "here").read_bytes()
    assert os.listdir(remote.parent) == [name]


def test_a_file_replaces_another_and_what_a_power_cut_left_of_it(connection, tmp_path):
    remote = tmp_path / "there"
    for name in ("there", "there.part.0123", "there.parts"):
        (tmp_path / name).write_text("older")
    (tmp_path / "here").write_text("")
    connection.put(tmp_path / "here", PurePosixPath(remote), ignore)
    assert remote.read_text() == ""
    connection.get(PurePosixPath(remote), tmp_path / "here", 2**40)
    assert (tmp_path / "here").read_text() == ""
    assert sorted(os.listdir(tmp_path)) == ["here", "there", "there.parts"]


def test_where_a_file_cannot_be_it_is_an_error_in_one_line(connection, tmp_path):
    (tmp_path / "here").write_text("content")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DeviceError, match=r"cannot write '.*/missing/x': .*(nonexist|No such)"):
        connection.put(tmp_path / "here", PurePosixPath(tmp_path / "missing" / "x"), ignore)
    output = rf"{connection.name}: cannot write '.*/folder': .* is a folder$"
    with pytest.raises(DeviceError, match=output):
        connection.put(tmp_path / "here", PurePosixPath(tmp_path / "folder"), ignore)
    with pytest.raises(
        DeviceError, match=rf"{connection.name}: cannot read '.*/none': .*No such file"
    ):
        connection.get(PurePosixPath(tmp_path / "none"), tmp_path / "back", 2**40)
    assert sorted(os.listdir(tmp_path)) == ["folder", "here"]
    assert os.listdir(tmp_path / "folder") == []


def test_a_file_that_is_changed_on_the_way_gets_no_name(connection, tmp_path, monkeypatch):
    (tmp_path / "here").write_text("content")
    monkeypatch.setattr(transfer, "PUT", transfer.PUT.replace('> "$part"', '| rev > "$part"'))
    with pytest.raises(DeviceError, match="arrived damaged"):
        connection.put(tmp_path / "here", PurePosixPath(tmp_path / "there"), ignore)
    monkeypatch.setattr(transfer, "GET", transfer.GET.replace('< "$1" &&', '< "$1" | rev &&'))
    with pytest.raises(DeviceError, match="changed while it was read"):
        connection.get(PurePosixPath(tmp_path / "here"), tmp_path / "back", 2**40)
    assert os.listdir(tmp_path) == ["here"]


@pytest.mark.parametrize("content", ["12345678901", "/dev/zero"])
def test_a_file_that_is_larger_than_it_may_be_is_not_kept(connection, tmp_path, content):
    """One without an end, too, which would fill the disk here."""
    remote = tmp_path / "there"
    if content == "/dev/zero":
        remote.symlink_to(content)
    else:
        remote.write_text(content)
    with pytest.raises(DeviceError, match=rf"{connection.name}: '.*/there' is too large"):
        connection.get(PurePosixPath(remote), tmp_path / "back", 10)
    assert os.listdir(tmp_path) == ["there"]


def test_a_program_that_writes_without_end_is_not_listened_to(connection):
    with pytest.raises(DeviceError, match=rf"{connection.name}: cat /dev/zero: it wrote more than"):
        connection.run(["cat", "/dev/zero"], 60)


def test_a_disk_that_hangs_is_not_waited_for(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "STALLED_S", 0.5)
    os.mkfifo(tmp_path / "hangs")
    with pytest.raises(DeviceError, match=r"no byte was written or read for 0.5 s"):
        connection.get(PurePosixPath(tmp_path / "hangs"), tmp_path / "back", 2**40)
    while running(tmp_path / "hangs"):  # lets the programs there go, one after the other
        with contextlib.suppress(OSError):  # no reader at this instant
            os.close(os.open(tmp_path / "hangs", os.O_WRONLY | os.O_NONBLOCK))
        time.sleep(0.01)
    assert os.listdir(tmp_path) == ["hangs"]
