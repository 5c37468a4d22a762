"""Battery and thermal state of a phone, as Android prints them."""

import pytest
from local_transport import LocalTransport

from bench.devices.phone import Phone
from bench.devices.phone_facts import battery
from bench.devices.settings import DeviceSettings
from bench.measurement.environment import Battery

OF_BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: {usb}
  Wireless powered: false
  Dock powered: false
  Max charging current: 500000
  Max charging voltage: 5000000
  Charge counter: 2870000
  status: 2
  health: 2
  present: true
  level: 85
  scale: 100
  voltage: 4234
  temperature: 291
  technology: Li-ion
"""
OF_HEAT = """IsStatusOverride: false
ThermalEventListeners:
	callbacks: 1
	killed: false
	broadcasts count: -1
ThermalStatusListeners:
	callbacks: 3
Thermal Status: 3
Cached temperatures:
	Temperature{mValue=43.2, mType=3, mName=VIRTUAL-SKIN, mStatus=3}
HAL Ready: true
"""


def test_a_phone_that_is_charged_and_hot():
    found = battery(OF_BATTERY.format(usb="true"), OF_HEAT)
    assert found == Battery(85, "USB", 29.1, 3)


def test_a_phone_that_is_not_plugged_in():
    assert battery(OF_BATTERY.format(usb="false"), "").charging == ""


def test_a_level_is_a_share_of_its_scale():
    text = OF_BATTERY.replace("level: 85", "level: 30").replace("scale: 100", "scale: 50")
    assert battery(text, "").level_percent == 60


def test_a_phone_below_freezing():
    text = OF_BATTERY.replace("temperature: 291", "temperature: -35")
    assert battery(text, "").temperature_c == -3.5


@pytest.mark.parametrize("output", ["", "Can't find service: battery\n"])
def test_what_is_not_told_is_none(output):
    assert battery(output, output) == Battery(None, None, None, None)


def test_a_service_that_does_not_answer_is_asked_once(tmp_path, monkeypatch, capsys):
    """It is asked before and after every group of turns."""
    monkeypatch.setattr("bench.devices.phone.DUMPSYS_S", 1.0)
    (tmp_path / "battery").write_text(OF_BATTERY.format(usb="true"))
    script = f"#!/bin/sh\necho $1 >> {tmp_path}/asked\n[ $1 = battery ] || exec sleep 600\n"
    (tmp_path / "dumpsys").write_text(script + f"cat {tmp_path}/battery\n")
    (tmp_path / "dumpsys").chmod(0o755)
    transport = LocalTransport({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    transport.connect()
    phone = Phone(DeviceSettings("pixel", "adb"), transport)
    assert [phone.battery() for _ in range(3)] == [Battery(85, "USB", 29.1, None)] * 3
    assert (tmp_path / "asked").read_text().split().count("thermalservice") == 1
    said = capsys.readouterr().err
    assert said.count("pixel: dumpsys thermalservice does not answer") == 1
