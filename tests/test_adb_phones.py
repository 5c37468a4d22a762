"""Phones that adb lists, the one that is meant, and the error where it is not available."""

import shutil
import threading

import pytest
from any_connection import PATIENT_S
from device_android.adbd import Adbd
from device_android.authorization import Consent
from loopback_sshd import LoopbackServer, free_port
from own_adb_server import OwnAdbServer
from remote_project import at_once

from bench.devices.open_devices import named
from bench.devices.settings import DeviceSettings
from bench.devices.transport.adb import Adb
from bench.devices.transport.adb_failure import (
    NOT_CONNECTED,
    STATES,
    connect_explained,
    state_explained,
)
from bench.devices.transport.adb_phones import (
    Phone,
    chosen,
    is_address,
    listed,
    phones,
    ready_phone,
)
from bench.devices.transport.transport import Timeouts
from models.command_line.errors import DeviceError, RequestError

pytestmark = pytest.mark.waits

# What adb 29 and 34 write for phones that no test can plug in.
LISTED = """\
* daemon not running; starting now at tcp:5037
* daemon started successfully
List of devices attached
R58M123ABCD            device usb:1-1 product:beyond1 model:SM_G973F device:beyond1 transport_id:1
0123 45;$(x)           unauthorized usb:1-1.2 transport_id:2
emulator-5554          offline transport_id:3
????????????           no permissions (user in plugdev group; are your udev rules wrong?); see \
[http://developer.android.com/tools/device.html] usb:3-4 transport_id:4
(no serial number)     no permissions; see [http://developer.android.com/tools/device.html] usb:2-1
ZY22                   recovery usb:1-3 product:a model:b device:c transport_id:6
[::1]:5555             device product:a model:b_c device:d transport_id:7
adb-14-x._adb-tls-connect._tcp device product:a model:Pixel_8 device:d transport_id:9
HT7              detached usb:1-4 transport_id:10
0a 1b                  hovering usb:1-5 transport_id:11

"""


@pytest.fixture
def server(tmp_path_factory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with OwnAdbServer(tmp_path_factory.mktemp("home")) as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        yield server


def opened(serial):
    connection = Adb(DeviceSettings("pixel", "adb", serial=serial))
    connection.timeouts = Timeouts(connect_s=1, alive_interval_s=5, alive_count=3)
    return connection


def why(serial):
    """The line that says why a phone cannot be had."""
    connection = opened(serial)
    with pytest.raises(DeviceError) as caught:
        connection.connect()
    assert not connection.is_connected()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_line_of_a_list_is_a_phone():
    found = {phone.serial: (phone.state.split("(")[0].strip(), phone.model)
             for phone in listed(LISTED)}  # fmt: skip
    assert {name: about for name, about in found.items() if "no permissions" not in about[0]} == {
        "R58M123ABCD": ("device", "SM_G973F"),
        "0123 45;$(x)": ("unauthorized", ""),
        "emulator-5554": ("offline", ""),
        "ZY22": ("recovery", "b"),
        "[::1]:5555": ("device", "b_c"),
        "adb-14-x._adb-tls-connect._tcp": ("device", "Pixel_8"),
        "HT7": ("detached", ""),
        "0a 1b": ("hovering", ""),
    }
    assert {"????????????", "(no serial number)"} < set(found)
    assert listed("List of devices attached\n\n") == []
    assert listed(LISTED.replace("\n", "\r\n")) == listed(LISTED)
    (found,) = [phone for phone in listed(LISTED) if phone.serial == "????????????"]
    assert found.state.startswith("no permissions (user in plugdev group; are your udev rules")


@pytest.mark.parametrize("name", ["adb", "adb.exe"])
def test_an_adb_of_windows_is_understood(tmp_path, monkeypatch, name):
    """As in its Subsystem for Linux: its lines end in CR LF."""
    listing = "List of devices attached\\r\\nR58M  device usb:1-1 model:a\\r\\n\\r\\n"
    adb_that(tmp_path, monkeypatch, f"printf '{listing}'")
    (tmp_path / "adb").rename(tmp_path / name)
    assert phones() == [Phone("R58M", "device", "a")]


def adb_that(tmp_path, monkeypatch, script):
    """The only adb that there is does ``script``."""
    (tmp_path / "adb").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "adb").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_what_adb_says_of_itself_is_no_phone(tmp_path, monkeypatch):
    """As with ADB_TRACE."""
    trace = "echo '--- adb starting (pid 1) ---' >&2\n"
    more = "echo 'adb D 11-30 02:00:00 1 1 adb.cpp:1] x' >&2\n"
    script = f"{trace}printf 'List of devices attached\\n'\n{more}printf 'R5  offline usb:1\\n\\n'"
    adb_that(tmp_path, monkeypatch, script)
    assert phones() == [Phone("R5", "offline")]


@pytest.mark.parametrize(
    ("script", "words"), [("", "nothing"), ("echo no; echo shell", "no shell")]
)
def test_an_adb_that_lists_nothing_at_all_is_not_one_without_phones(
    tmp_path, monkeypatch, script, words
):
    adb_that(tmp_path, monkeypatch, script)
    with pytest.raises(DeviceError, match=f"adb devices failed: {words}; is that Android's adb?"):
        phones()


def test_an_adb_of_windows_reaches_the_phone(server, tmp_path, monkeypatch):
    """Where there is no other."""
    for program in ("sh", "cat", "sha256sum"):  # the phone's
        (tmp_path / program).symlink_to(shutil.which(program))
    (tmp_path / "adb.exe").symlink_to(shutil.which("adb"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with Adbd() as phone, opened(phone.serial) as connection:
        assert connection.run_check(["echo", "hello"], PATIENT_S) == b"hello\n"


def test_the_one_that_is_meant():
    phone = Phone("one", "device", "Pixel_8")
    assert chosen("", [phone]) == phone == chosen("one", [Phone("on", "device"), phone])
    with pytest.raises(DeviceError, match=r"^adb lists no phone; connect one by USB"):
        chosen("", [])
    with pytest.raises(
        DeviceError,
        match=r"^adb lists 2 phones: one \(Pixel_8\), two \(offline\); choose one, e\.g\. DEVICE=o",
    ):
        chosen("", [phone, Phone("two", "offline")])
    with pytest.raises(
        DeviceError, match=r"^adb lists no phone 'tow'; expected one of: one \(Pixel_8\); is its"
    ):
        chosen("tow", [phone])
    with pytest.raises(DeviceError, match=r"^adb lists no phone 'tow'; adb lists no phone|connect"):
        chosen("tow", [])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("no permissions (user in plugdev group)", "add udev rules"),
        ("recovery", "run adb -s 'a b' reboot"),
        ("sideload", "waits for a sideload"),
        ("bootloader", "fastboot reboot"),
        ("host", "not a phone"),
        ("offline", "adb reconnect offline"),
        ("unauthorized", "adb kill-server"),
        ("detached", "run adb -s 'a b' attach"),
        ("hovering", "state 'hovering'; expected 'device'; unplug it"),
    ],
)
def test_every_state_but_one_has_advice(state, message):
    assert message in state_explained("a b", state) and state_explained("a b", state)[:3] == "a b"
    assert all("{" not in state_explained("a b", name) for name in STATES)


def test_every_failure_to_connect_has_advice():
    message = [connect_explained("a:1", text) for text in ("", "failed to authenticate to a:1")]
    assert message[0] == "a:1 cannot be connected to; run adb connect 'a:1' to see why"
    assert "accept the question" in message[1]
    assert message[1].endswith("(adb said: failed to authenticate to a:1)")
    assert all("{" not in advice for _, advice in NOT_CONNECTED)


@pytest.mark.parametrize("serial", ["192.168.0.7:5555", "pixel.local:5555", "[fe80::1%eth0]:5"])
def test_an_address_is_told_from_a_serial(serial):
    assert is_address(serial)
    assert not is_address(serial.rpartition(":")[0])


def test_no_phone(server):
    assert why("").startswith("pixel: adb lists no phone; connect one by USB")
    assert "'R58M'; adb lists no phone" in why("R58M")


def test_the_only_phone_and_one_of_two(server):
    with Adbd() as one, Adbd() as two:
        server.adb("connect", one.serial)
        connection = opened("")
        with connection:
            assert connection.serial == one.serial
            server.adb("connect", two.serial)
            connection.close()
            connection.connect()  # it is still that one
            assert connection.serial == one.serial
        message = why("")
        assert "adb lists 2 phones" in message and one.serial in message and two.serial in message
        with opened(two.serial) as connection:
            assert connection.run(["true"], PATIENT_S).code == 0


@pytest.mark.parametrize("serial", ["a;b", "$(x)", "'", '"', "a b", "-s", "`x`", "ä", "*", "a|b:1"])
def test_a_serial_with_characters_of_a_shell_is_only_a_serial(server, serial):
    found = why(serial)
    assert serial in found and ("no phone" in found or "unknown host" in found)


def test_a_phone_whose_owner_does_not_answer(server):
    with Adbd() as phone:
        phone.authorization.consent = Consent.DENY
        found = why(phone.serial)
        assert f"pixel: {phone.serial} has not allowed this computer to debug it; accept" in found
        phone.authorization.consent = Consent.ALLOW
        server.adb("disconnect", phone.serial)
        with opened(phone.serial) as connection:
            assert connection.run(["true"], PATIENT_S).code == 0


def test_a_phone_whose_owner_answers_late(server):
    with Adbd() as phone:
        phone.authorization.consent = Consent.DENY
        server.adb("connect", phone.serial)

        def accept():
            phone.authorization.consent = Consent.OPEN
            phone.disconnect()  # adb comes back by itself

        later = threading.Timer(0.5, accept)
        later.start()
        assert ready_phone("", 20, threading.Event()).serial == phone.serial
        later.join()


def test_a_phone_that_is_offline(server):
    with Adbd() as phone:
        server.adb("connect", phone.serial)
        phone.go_offline()
        assert "is offline; unplug its cable" in why("")
        phone.come_back()
        with opened(phone.serial) as connection:
            assert connection.run(["true"], PATIENT_S).code == 0


def test_an_address_where_no_phone_is(server):
    serial = f"127.0.0.1:{free_port()}"
    assert f"pixel: {serial} refuses connections; is wireless debugging on" in why(serial)
    assert "is an unknown host name; is it spelled right" in why("no-such-phone.invalid:5555")


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_address_where_something_else_listens_is_not_left_in_adbs_list(
    server, tmp_path, is_stopped
):
    with LoopbackServer(tmp_path / "server") as ssh:
        serial = f"127.0.0.1:{ssh.port}"
        connection = opened(serial)
        if is_stopped:
            connection.timeouts = Timeouts(connect_s=60, alive_interval_s=5, alive_count=3)
            at_once(lambda: serial in server.adb("devices"), connection.close)
        with pytest.raises(DeviceError) as caught:
            connection.connect()
        assert is_stopped or str(caught.value).startswith(
            f"pixel: nothing at {serial} answers as a phone does: it stays offline; expected"
        )
        assert serial not in server.adb("devices")


def test_a_phone_that_was_in_adbs_list_stays_there(server):
    with Adbd() as phone:
        server.adb("connect", phone.serial)
        phone.go_offline()
        assert "is offline" in why(phone.serial)
        assert phone.serial in server.adb("devices")


def test_device_names_phones(server, tmp_path):
    assert named("android") == [DeviceSettings("android", "adb")]
    assert named("host,10.0.0.9:5555")[1] == DeviceSettings(
        "10.0.0.9:5555", "adb", serial="10.0.0.9:5555"
    )
    assert server.pids() == []  # nobody had to ask
    (tmp_path / "devices.toml").write_text("[android]\ntransport = 'adb'\nserial = 'R58M'\n")
    assert named("android") == [DeviceSettings("android", "adb", serial="R58M")]
    with Adbd() as phone:
        server.adb("connect", phone.serial)
        assert [each.serial for each in phones()] == [phone.serial]
        with pytest.raises(RequestError) as caught:
            named("pixle")
    assert f"DEVICE is 'pixle'; expected one of: host, android, {phone.serial}; " in str(
        caught.value
    )


def test_a_name_that_nobody_has_is_refused_without_adb_too(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match="expected one of: host, android; others are described"):
        named("pixle")
