"""Faults of the connection to a phone: each is one line that says what to do, and leaves no partial
file."""

import os
import signal
import socket
import threading

import pytest
from any_broken_connection import (  # noqa: F401 (tests)
    big,
    check_lost,
    test_a_device_that_is_slow_is_not_lost,
    test_a_fetch_that_is_cut_leaves_nothing,
    test_a_full_disk_is_named_with_what_there_was_to_write_and_what_is_free,
    test_a_program_whose_connection_breaks_is_lost_not_failed,
    test_a_push_that_is_cut_leaves_nothing_and_can_be_made_again,
    test_a_push_to_a_device_that_falls_silent_ends,
)
from any_connection import PATIENT_S
from breakable_relay import BreakableRelay
from device_android.adbd import Adbd, listening_socket
from loopback_sshd import free_port
from own_adb_server import OwnAdbServer
from processes import wait_until

from bench.devices.settings import DeviceSettings
from bench.devices.transport import adb_program
from bench.devices.transport.adb import Adb
from bench.devices.transport.transport import Timeouts
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits

IMPATIENT = Timeouts(connect_s=1, alive_interval_s=1, alive_count=1)


@pytest.fixture
def server(tmp_path_factory, monkeypatch):
    with OwnAdbServer(tmp_path_factory.mktemp("home")) as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def phone():
    with Adbd() as phone:
        yield phone


@pytest.fixture
def between(phone):
    with BreakableRelay(phone.port) as between:
        yield between


@pytest.fixture
def connection(server, between):
    """A connection that is lost after two seconds of silence."""
    connection = opened(f"127.0.0.1:{between.port}")
    connection.timeouts = Timeouts(connect_s=15, alive_interval_s=1, alive_count=1)
    with connection:
        yield connection


@pytest.fixture
def patient(server, between):
    connection = opened(f"127.0.0.1:{between.port}")
    connection.timeouts = Timeouts(connect_s=60, alive_interval_s=5, alive_count=1)
    return connection


@pytest.fixture
def messages():
    return {
        "cut": r"^the connection to pixel broke: .*is its cable in",
        "silent": r"to pixel broke: nothing was heard for 2 s",
    }


def opened(serial):
    return Adb(DeviceSettings("pixel", "adb", serial=serial))


@pytest.mark.parametrize("fault", ["offline", "no server"])
def test_a_program_whose_phone_adb_loses_is_lost_not_failed(server, phone, connection, fault):
    faults = {"offline": phone.go_offline, "no server": lambda: server.adb("kill-server")}
    check_lost(connection, faults[fault])


def test_what_ran_on_a_phone_whose_connection_broke_hears_of_it(between, connection, tmp_path):
    remote = tmp_path / "pid"
    connection.start(["sh", "-c", f"echo $$ > '{remote}'; exec cat"])
    wait_until(lambda: remote.exists() and remote.read_text())
    between.cut()
    wait_until(lambda: not os.path.exists(f"/proc/{remote.read_text().strip()}/fd/0"))


def test_the_connection_is_not_replaced_by_the_one_that_adb_makes_anew(server, between, connection):
    """Processes started on it are lost: whoever goes on has to know."""
    between.cut()
    serial = f"127.0.0.1:{between.port}"
    wait_until(lambda: f"{serial}\tdevice" in server.adb("devices") and between.accepted == 2)
    with pytest.raises(ConnectionLost, match="there is no connection to pixel: adb lost the phone"):
        connection.run(["true"], PATIENT_S)
    connection.connect()
    assert connection.run(["true"], PATIENT_S).code == 0


def test_a_phone_that_is_switched_off_is_lost_and_found_when_it_is_back(server):
    with Adbd() as phone:
        connection = opened(phone.serial)
        connection.timeouts = IMPATIENT
        connection.connect()
        process = connection.start(["sh", "-c", "echo ready; cat"])
        assert process.stdout.readline() == b"ready\n"
    assert process.wait(PATIENT_S) == connection.lost_code
    process.communicate()
    wait_until(lambda: not connection.is_connected())  # the program may have heard of it first
    with pytest.raises(DeviceError, match=r"^pixel: 127\.0\.0\.1:\d+ (refuses|is offline)"):
        connection.connect()
    with Adbd(listener=listening_socket(phone.port)):
        connection.connect()
        assert connection.run(["true"], PATIENT_S).code == 0
        connection.close()


def test_a_phone_that_adb_takes_for_one_that_is_there_is_connected_to_anew(server, between):
    server.adb("connect", f"127.0.0.1:{between.port}")
    between.freeze()
    connection = opened(f"127.0.0.1:{between.port}")
    connection.timeouts = IMPATIENT
    with pytest.raises(DeviceError, match="listed, but runs no commands: no answer within 1 s"):
        connection.connect()
    between.thaw()
    connection.timeouts = Timeouts(connect_s=15, alive_interval_s=5, alive_count=3)
    with connection:
        assert connection.run(["true"], PATIENT_S).code == 0
    assert between.accepted == 2


def test_a_server_that_hangs_is_not_waited_for(server, phone, monkeypatch):
    connection = opened(phone.serial)
    connection.timeouts = Timeouts(connect_s=60, alive_interval_s=1, alive_count=1)
    with connection:
        server.signal(signal.SIGSTOP)
        with pytest.raises(ConnectionLost, match="nothing was heard for 2 s"):
            connection.run(["true"], PATIENT_S)
        with monkeypatch.context() as patch:
            patch.setattr(adb_program, "ASKED_S", 0.5)
            with pytest.raises(DeviceError, match=r"start-server did not end .*; run adb kill-"):
                connection.connect()
        server.signal(signal.SIGCONT)
        connection.connect()
        assert connection.run(["true"], PATIENT_S).code == 0


def test_a_connection_that_is_being_opened_can_be_closed(server):
    """To a phone that accepts and says nothing; from another thread."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = opened(f"127.0.0.1:{silent.getsockname()[1]}")
        threading.Timer(0.5, connection.close).start()
        with pytest.raises(DeviceError, match="it was told to stop"):  # ahead of adb's own end
            connection.connect()


def test_a_server_that_is_started_here_keeps_no_pipe_of_ours(server, phone):
    """Who waits for the end of the bench's output would wait for the server's."""
    reading, writing = os.pipe()
    saved = os.dup(2)
    os.dup2(writing, 2)
    try:
        assert server.pids() == []
        with opened(phone.serial):
            assert len(server.pids()) == 1
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b""
    assert len(server.pids()) == 1


def test_no_adb_on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match=r"^pixel: no adb on this machine; run sudo apt install"):
        opened(f"127.0.0.1:{free_port()}").connect()
