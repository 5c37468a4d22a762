"""Faults of the connection to a device: each is one line that says what to do, and leaves no
partial file."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from any_broken_connection import (  # noqa: F401 (tests)
    big,
    test_a_device_that_is_slow_is_not_lost,
    test_a_fetch_that_is_cut_leaves_nothing,
    test_a_full_disk_is_named_with_what_there_was_to_write_and_what_is_free,
    test_a_program_whose_connection_breaks_is_lost_not_failed,
    test_a_push_that_is_cut_leaves_nothing_and_can_be_made_again,
    test_a_push_to_a_device_that_falls_silent_ends,
)
from any_connection import PATIENT_S
from breakable_relay import BreakableRelay
from loopback_sshd import LoopbackServer, free_port, make_key

from bench.devices.settings import DeviceSettings
from bench.devices.transport.ssh import Ssh
from bench.devices.transport.ssh_failure import REASONS, explained
from bench.devices.transport.transfer import PUT
from bench.devices.transport.transport import Timeouts
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError

pytestmark = pytest.mark.waits


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LoopbackServer(tmp_path_factory.mktemp("loopback") / "server") as server:
        yield server


@pytest.fixture
def between(server):
    with BreakableRelay(server.port) as between:
        yield between


@pytest.fixture
def connection(server, between):
    """A connection that is lost after two seconds of silence."""
    connection = Ssh(server.settings(port=between.port))
    connection.timeouts = Timeouts(connect_s=15, alive_interval_s=1, alive_count=1)
    with connection:
        yield connection


@pytest.fixture
def patient(server, between):
    connection = Ssh(server.settings(port=between.port))
    connection.timeouts = Timeouts(connect_s=60, alive_interval_s=5, alive_count=1)
    return connection


@pytest.fixture
def messages():
    return {
        "cut": r"^the connection to pi4 broke: ",
        "silent": r"the connection to pi4 broke: .*not responding",
    }


def test_a_refused_connection(server):
    assert why(server.settings(port=free_port())).startswith(
        "pi4: loopback refuses connections; is SSH on there?"
    )


def test_an_unknown_host():
    settings = DeviceSettings("pi4", "ssh", "pi@no-such-host.invalid")
    assert "pi4: pi@no-such-host.invalid is an unknown host name; is it" in why(settings)


def test_a_key_that_the_device_does_not_know(server, tmp_path):
    settings = server.settings(user_key=make_key(tmp_path / "other"))
    assert f"refuses the login; run ssh -F {settings.ssh_config} loopback to see" in why(settings)


def test_a_host_key_that_is_not_known_is_not_accepted(server):
    settings = server.settings(host_key=server.folder / "none")
    known_hosts = Path(settings.ssh_config.replace("client", "known_hosts"))
    assert "host key that is not known here; run ssh -F" in why(settings)
    assert known_hosts.read_text() == ""


@pytest.mark.parametrize("checking", ["", " StrictHostKeyChecking yes\n"])
def test_a_host_key_that_has_changed_is_not_accepted(server, tmp_path, checking):
    settings = server.settings(host_key=make_key(tmp_path / "other"), extra=checking)
    found = why(settings)
    assert "shows a host key different from line 1 of" in found
    assert "the connection may be intercepted" in found


def test_a_device_that_accepts_and_says_nothing(server, between):
    between.freeze()
    connection = Ssh(server.settings(port=between.port))
    connection.timeouts = Timeouts(connect_s=1, alive_interval_s=1, alive_count=1)
    with pytest.raises(DeviceError, match="loopback does not answer; is it switched on"):
        connection.connect()


def test_a_device_that_lets_one_in_and_then_says_nothing(server, between):
    between.after(2000, "down", between.freeze)
    connection = Ssh(server.settings(port=between.port))
    connection.timeouts = Timeouts(connect_s=1, alive_interval_s=1, alive_count=1)
    with pytest.raises(DeviceError, match=r"loopback does not answer|the connection to pi4 broke"):
        connection.connect()


def test_a_login_that_waits_for_something_that_never_comes(server, tmp_path):
    """As an agent's, that asks somewhere else whether it may."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(f"{folder}/agent")
        agent.listen()
        connection = Ssh(server.settings(extra=f" IdentityAgent {folder}/agent\n"))
        connection.timeouts = Timeouts(connect_s=1, alive_interval_s=1, alive_count=1)
        with pytest.raises(DeviceError, match="loopback is found, but the login takes too long"):
            connection.connect()
        assert not connection.is_connected()


def test_a_device_that_ends_the_connection_at_once(server):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        threading.Thread(target=lambda: closing.accept()[0].close(), daemon=True).start()
        found = why(server.settings(port=closing.getsockname()[1]))
    assert "loopback ended the connection at once; is it still starting?" in found


def test_a_key_that_others_may_read_is_named(server, tmp_path):
    key = tmp_path / "key"
    shutil.copy(server.folder / "user_key", key)
    key.chmod(0o644)
    found = why(server.settings(user_key=key))
    assert "is not shown your key, which others could read; run chmod 600" in found
    assert f"Permissions 0644 for '{key}' are too open" in found


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (" ProxyCommand sh -c 'exec no-such-netcat %h %p'\n", "no-such-netcat"),
        (" ProxyCommand sh -c 'echo this host may not >&2; exit 1'\n", "this host may not"),
    ],
)
def test_a_way_there_that_does_not_work_is_quoted(server, way, words):
    found = why(server.settings(extra=way))
    assert "loopback cannot be reached through the ProxyCommand or ProxyJump of" in found
    assert words in found


def test_a_jump_host_that_cannot_be_reached_is_quoted(server):
    jump = f" ProxyJump jump\nHost jump\n HostName 127.0.0.1\n Port {free_port()}\nHost loopback\n"
    found = why(server.settings(extra=jump))
    assert "(ssh said: ssh: connect to host 127.0.0.1 port" in found


def test_a_configuration_that_ssh_cannot_read(server):
    assert "cannot be looked up in ssh's configuration" in why(server.settings(extra="Hots x\n"))


def test_no_ssh_on_this_machine(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert why(server.settings()).startswith("no ssh on this machine; run sudo apt install")


def test_every_reason_has_advice_that_can_be_said():
    for _, advice in REASONS:
        assert advice.format(known_hosts="known_hosts", ssh="ssh pi4")
    assert explained("pi4", "ssh pi4", "") == "pi4 cannot be reached; run ssh pi4 to see why"


def test_what_takes_a_push_there_removes_its_part_also_when_nobody_hears_it_complain(tmp_path):
    reading, complaints = os.pipe()
    os.close(reading)
    words = ["sh", "-c", PUT, "sh", tmp_path / "file", "7", "another hash"]
    done = subprocess.run(words, input=b"half of it", stderr=complaints, timeout=PATIENT_S)
    os.close(complaints)
    assert done.returncode and os.listdir(tmp_path) == []


def test_a_device_whose_power_is_cut_is_lost_and_found_when_it_is_back(tmp_path):
    with LoopbackServer(tmp_path / "server") as server:
        connection = Ssh(server.settings())
        with connection:
            process = connection.start(["sh", "-c", "echo ready; cat"])
            assert process.stdout.readline() == b"ready\n"
            server.kill_sessions()
            server.stop()
            process.communicate(timeout=PATIENT_S)
            assert process.returncode == connection.lost_code
            with pytest.raises(ConnectionLost, match="the connection to pi4 broke"):
                connection.run(["true"], PATIENT_S)
            with pytest.raises(DeviceError, match="refuses connections"):
                connection.connect()
            server.start()
            connection.connect()
            assert connection.run(["true"], PATIENT_S).code == 0


def test_a_broken_connection_is_not_replaced_by_one_that_nobody_asked_for(server, between):
    host = f"ssh://127.0.0.1:{between.port}"
    with Ssh(replace(server.settings(), host=host)) as connection:
        words = connection.argv(["echo", "hello"])
        between.cut()
        while connection.is_connected():
            time.sleep(0.02)
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENT_S
        )
        assert (done.returncode, done.stdout, between.accepted) == (connection.lost_code, b"", 1)


def why(settings):
    """The line that says why a device cannot be reached."""
    connection = Ssh(settings)
    with pytest.raises(DeviceError) as caught:
        connection.connect()
    assert not connection.is_connected()
    assert "\n" not in str(caught.value)
    return str(caught.value)
