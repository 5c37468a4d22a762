"""devices.toml: what is in it is taken as it is, what is wrong in it is reported in one line."""

import json
from pathlib import Path

import pytest

from bench.devices.settings import EXAMPLE, DeviceSettings, read_devices
from models.command_line.errors import RequestError

ROOT = Path(__file__).parent.parent


def test_the_example_names_a_device_and_nothing_else():
    assert read_devices(ROOT / EXAMPLE) == {
        "pi4": DeviceSettings("pi4", "ssh", "pi@raspberrypi.local")
    }


def test_every_setting_that_the_example_mentions_is_one(tmp_path):
    lines = (ROOT / EXAMPLE).read_text().splitlines()
    told = [line.removeprefix("# ") for line in lines if " = " in line or "[pixel]" in line]
    (tmp_path / "devices.toml").write_text("[pi4]\n" + "\n".join(told))
    pi4, pixel = read_devices(tmp_path / "devices.toml").values()
    assert pi4.emulated and pi4.python.endswith("python3") and pi4.cache and pi4.ssh_config
    assert pixel.transport == "adb" and pixel.serial and pixel.cache


def test_without_a_file_there_are_no_devices(tmp_path):
    assert read_devices(tmp_path / "devices.toml") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pi4", "cannot be read"),
        ("pi4 = 1", "'pi4' outside of a table"),
        ("[pi4]\nhost = 'a'", "transport is None; expected one of: ssh adb"),
        ("[pi4]\ntransport = 'telnet'\nhost = 'a'", "transport is 'telnet'"),
        ("[pi4]\ntransport = 'ssh'", "has no host"),
        ("[pi4]\ntransport = 'ssh'\nhost = 'a'\nserial = 'b'", "has 'serial', which transport ="),
        ("[a]\ntransport = 'adb'\nhost = 'a'", "'host', which transport = \"ssh\" has, and not"),
        ("[a]\ntransport = 'adb'\npython = 'python3'", "has 'python', which transport ="),
        ("[a]\ntransport = 'adb'\nssh_config = 'a'", "has 'ssh_config', which transport ="),
        ("[a]\ntransport = 'adb'\nserial = 5", "serial is 5; expected a str"),
        ('[a]\ntransport = "adb"\nserial = "a\\nb"', "serial is 'a\\nb'; expected one that adb"),
        ('[a]\ntransport = "adb"\ncache = "a\\u0000b"', "'a\\x00b'; expected a text without NUL"),
        ("[pi4]\ntransport = 'ssh'\nhost = 5", "host is 5; expected a str"),
        ("[pi4]\ntransport = 'ssh'\nhost = 'a'\npassword = 'x'", "has 'password'; expected some"),
        ("[host]\ntransport = 'ssh'\nhost = 'a'", "'host', which is this machine"),
        ("['a,b']\ntransport = 'ssh'\nhost = 'a'", "without a comma"),
        ('["a\\nb"]\ntransport = "ssh"\nhost = "a"', "printable"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(tmp_path, text, message):
    (tmp_path / "devices.toml").write_text(text)
    with pytest.raises(RequestError) as error:
        read_devices(tmp_path / "devices.toml")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_setting_without_a_text_is_the_default(tmp_path):
    empty = "python = ''\ncache = ''\nssh_config = ''"
    (tmp_path / "devices.toml").write_text(f"[a]\ntransport = 'ssh'\nhost = 'a'\n{empty}\n")
    assert read_devices(tmp_path / "devices.toml") == {"a": DeviceSettings("a", "ssh", "a")}


@pytest.mark.parametrize("serial", ["", "R58M123ABCD", "192.168.0.7:5555", "a;b $(x) '\""])
def test_a_phone_needs_no_host(tmp_path, serial):
    (tmp_path / "devices.toml").write_text(
        f"[a]\ntransport = 'adb'\nserial = {json.dumps(serial)}\n"
    )
    found = read_devices(tmp_path / "devices.toml")
    assert found == {"a": DeviceSettings("a", "adb", serial=serial)}
