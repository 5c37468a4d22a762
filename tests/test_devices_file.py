"""devices.toml: what is in it is taken as it is, what is wrong in it is said in one line."""

from pathlib import Path

import pytest

from bench.devices import EXAMPLE, DeviceSettings, read_devices
from models.errors import RequestError

ROOT = Path(__file__).parent.parent


def test_the_example_names_a_device_and_nothing_else():
    assert read_devices(ROOT / EXAMPLE) == {
        "pi4": DeviceSettings("pi4", "ssh", "pi@raspberrypi.local")
    }


def test_every_setting_that_the_example_mentions_is_one(tmp_path):
    lines = (ROOT / EXAMPLE).read_text().splitlines()
    told = [line.removeprefix("# ") for line in lines if " = " in line]
    (tmp_path / "devices.toml").write_text("[pi4]\n" + "\n".join(told))
    (found,) = read_devices(tmp_path / "devices.toml").values()
    assert found.emulated and found.python.endswith("python3") and found.cache and found.ssh_config


def test_without_a_file_there_are_no_devices(tmp_path):
    assert read_devices(tmp_path / "devices.toml") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pi4", "cannot be read"),
        ("pi4 = 1", "'pi4' outside of a table"),
        ("[pi4]\nhost = 'a'", "transport is None; expected one of: ssh"),
        ("[pi4]\ntransport = 'telnet'\nhost = 'a'", "transport is 'telnet'"),
        ("[pi4]\ntransport = 'ssh'", "has no host"),
        ("[pi4]\ntransport = 'ssh'\nhost = 5", "host is 5; expected a str"),
        ("[pi4]\ntransport = 'ssh'\nhost = 'a'\npassword = 'x'", "has 'password'; expected some"),
        ("[host]\ntransport = 'ssh'\nhost = 'a'", "'host', which is this machine"),
        ("['a,b']\ntransport = 'ssh'\nhost = 'a'", "without a comma"),
        ('["a\\nb"]\ntransport = "ssh"\nhost = "a"', "printable"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, said):
    (tmp_path / "devices.toml").write_text(text)
    with pytest.raises(RequestError) as error:
        read_devices(tmp_path / "devices.toml")
    assert said in str(error.value) and "\n" not in str(error.value)
