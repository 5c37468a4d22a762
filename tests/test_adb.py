"""Programs and files over the real adb, to a daemon on this machine that speaks its protocol."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import PurePosixPath

import pytest
from any_connection import (  # noqa: F401 (tests)
    PATIENT_S,
    ignore,
    test_a_disk_that_hangs_is_not_waited_for,
    test_a_file_replaces_another_and_what_a_power_cut_left_of_it,
    test_a_file_that_is_changed_on_the_way_gets_no_name,
    test_a_program_that_does_not_return_is_ended_there_too,
    test_a_program_that_is_not_there_is_127_and_an_error_in_one_line,
    test_a_started_program_is_spoken_to_while_it_runs,
    test_files_keep_their_content_under_any_name,
    test_the_words_of_a_command_arrive_as_they_are,
    test_where_a_file_cannot_be_it_is_an_error_in_one_line,
)
from breakable_relay import BreakableRelay
from commands import environment
from device_android import connection as daemon_connection
from device_android.adbd import Adbd
from device_android.shell_service import Shell
from own_adb_server import OwnAdbServer
from processes import is_alive, running, wait_until

from bench.devices.settings import DeviceSettings
from bench.devices.transport.adb import Adb
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with (
        pytest.MonkeyPatch.context() as patch,
        OwnAdbServer(tmp_path_factory.mktemp("home")) as server,
    ):
        for name, value in server.variables.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def phone(server):
    with Adbd() as phone:
        yield phone


@pytest.fixture(scope="module")
def connection(phone):
    with Adb(settings(phone.serial)) as connection:
        yield connection


def settings(serial):
    return DeviceSettings("pixel", "adb", serial=serial)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0), ("exit 1", 1), ("exit 3", 3), ("exit 252", 252), ("exit 253", 252),
        ("exit 254", 252), ("exit 255", 252), ("kill -KILL $$", 137), ("kill $$", 143),
    ],
)  # fmt: skip
def test_a_program_ends_here_as_it_ended_there(connection, script, code):
    assert connection.run(["sh", "-c", script], PATIENT_S).code == code
    process = connection.start(["sh", "-c", script])
    process.communicate(timeout=PATIENT_S)
    assert process.returncode == process.poll() == code


def test_standard_input_and_output_are_bytes(connection, tmp_path):
    # Less than a pipe holds: this daemon waits for a program that waits for it to read.
    content = bytes(range(256)) * 128
    (tmp_path / "in").write_bytes(content)
    assert connection.run(["cat"], PATIENT_S, content).stdout == content
    assert connection.run(["cat"], PATIENT_S, tmp_path / "in").stdout == content
    assert connection.run(["cat"], PATIENT_S).stdout == b""
    done = connection.run(["sh", "-c", "echo out; cat >&2"], PATIENT_S, "ä\n".encode())
    assert (done.stdout, done.stderr) == (b"out\n", "ä\n")


def test_a_program_whose_process_here_is_killed_sees_the_end_of_its_input(connection):
    process = connection.start(["sh", "-c", "echo $$; exec cat"])
    pid = int(process.stdout.readline())
    os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_command_that_is_too_long_for_adb_is_an_error_and_no_lost_connection(connection):
    with pytest.raises(DeviceError, match="pixel ended a command, or did not start it: ") as caught:
        connection.run(["echo", "x" * 100_000], PATIENT_S)
    assert not isinstance(caught.value, ConnectionLost) and connection.is_connected()


def test_how_far_a_long_push_is_is_shown(phone, tmp_path):
    (tmp_path / "here").write_bytes(bytes(20_000_000))
    shown = []
    with (
        BreakableRelay(phone.port) as between,
        Adb(settings(f"127.0.0.1:{between.port}")) as connection,
    ):
        between.delay_s = 0.001
        remote = PurePosixPath(tmp_path / "there")
        connection.put(tmp_path / "here", remote, lambda *told: shown.append(told))
    assert shown[0] == ("pushing here",)
    assert {told[0] for told in shown[1:]} == {"pushing here, MB"}
    assert {told[2] for told in shown[1:]} == {20}
    assert 0 < shown[1][1] < 20


def test_a_closed_connection_ends_what_went_through_it_and_opens_again(server, phone):
    connection = Adb(settings(phone.serial))
    with pytest.raises(ConnectionLost, match="there is no connection to pixel"):
        connection.run(["true"], PATIENT_S)
    connection.connect()
    process = connection.start(["cat"])
    connection.connect()
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"one\n"
    connection.close()
    connection.close()
    assert not connection.is_connected()
    assert process.wait(PATIENT_S) == connection.lost_code
    process.communicate()
    with pytest.raises(ConnectionLost):
        connection.run(["true"], PATIENT_S)
    with connection:
        assert connection.run(["true"], PATIENT_S).code == 0


def test_the_users_adb_server_and_what_it_is_connected_to_stay(server, phone):
    with Adb(settings(phone.serial)):
        before = server.pids()
    assert server.pids() == before and len(before) == 1
    assert f"{phone.serial}\tdevice" in server.adb("devices")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_no_adb_outlives_the_process_that_had_it(server, number):
    with Adbd() as phone:
        code = (
            "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # nohup makes all ignore it
            "from bench.devices.settings import DeviceSettings\n"
            "from bench.devices.transport.adb import Adb\n"
            f"connection = Adb({settings(phone.serial)!r})\n"
            "connection.connect()\nconnection.start(['cat'])\n"
            "print('started', flush=True)\ninput()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout.readline() == b"started\n"
        assert len(running(phone.serial)) >= 2
        process.send_signal(number)
        process.wait(PATIENT_S)
        process.communicate()
        wait_until(lambda: not running(phone.serial))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo "Welcome"; eval "$2"', r"^pixel writes 'Welcome' before every command; is that an"),
        (
            "echo 'no shell here'; exit 2",
            r"^pixel: 127\.\S+ is listed, but runs no commands: no shell here; unplug",
        ),
    ],
)
def test_a_phone_without_a_plain_shell_is_an_error(server, tmp_path, script, reason):
    (tmp_path / "shell").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "shell").chmod(0o755)
    with Adbd(Shell(argv=[str(tmp_path / "shell")])) as phone:
        connection = Adb(settings(phone.serial))
        with pytest.raises(DeviceError, match=reason):
            connection.connect()
        assert not connection.is_connected()


def test_a_phone_that_mixes_outputs_is_refused(server, monkeypatch):
    monkeypatch.setattr(daemon_connection, "FEATURES", ("stat_v2",))
    with (
        Adbd() as phone,
        pytest.raises(
            DeviceError, match=r"^pixel: \S+ has an adb without shell_v2; expected Android 7"
        ),
    ):
        Adb(settings(phone.serial)).connect()


def test_a_phone_that_cannot_check_files_is_refused(server, tmp_path):
    for name in ("sh", "echo", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    with (
        Adbd(Shell(environment={"PATH": str(tmp_path)})) as phone,
        pytest.raises(DeviceError, match=r"^pixel has no sha256sum \(.*not found\); expected"),
    ):
        Adb(settings(phone.serial)).connect()


def test_a_shell_that_gives_up_reading_after_a_time_loses_no_connection(server, tmp_path):
    """TMOUT, where bash is the sh."""
    (tmp_path / "sh").symlink_to(shutil.which("bash"))
    variables = {"TMOUT": "1", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with (
        Adbd(Shell(environment=variables)) as phone,
        Adb(settings(phone.serial)) as connection,
    ):
        process = connection.start(["sh", "-c", 'read -r line; echo "$line"'])
        time.sleep(2)  # longer than TMOUT
        assert process.communicate(b"still here\n", PATIENT_S)[0] == b"still here\n"
        assert connection.is_connected()


def test_many_programs_run_at_the_same_time(connection):
    started = [connection.start(["cat"]) for _ in range(23)]
    try:
        assert connection.run_check(["echo", "between"], 20) == b"between\n"
        for n, process in enumerate(started):
            process.stdin.write(f"{n}\n".encode())
            process.stdin.flush()
        assert [int(process.stdout.readline()) for process in started] == list(range(23))
    finally:
        for process in started:
            process.communicate()
    assert [process.returncode for process in started] == [0] * 23


def test_a_stop_ends_what_is_waited_for_and_not_what_was_started(phone):
    """The connection still carries the last output."""
    with Adb(settings(phone.serial)) as connection:
        started = connection.start(["cat"])
        threading.Timer(0.3, connection.stop).start()
        with pytest.raises(DeviceError, match="it was told to stop"):
            connection.run(["sleep", "600"], 600)
        with pytest.raises(DeviceError, match="it was told to stop"):
            connection.run(["true"], PATIENT_S)
        assert started.communicate(b"still here", timeout=PATIENT_S)[0] == b"still here"
