"""Facts and states of the machine, read from the files that Linux has where there are sensors."""

import os
import platform
import time

import pytest

from bench.on_device import governor_access, machine_facts, processor_shares
from bench.on_device.machine_state import read_state, read_throttled
from bench.on_device.processor_name import processor_name

pytestmark = pytest.mark.waits


def tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def board(tmp_path):
    """As a Raspberry Pi 4 with three of its cores, one of them offline."""
    cpu = "devices/system/cpu/cpu{}/cpufreq/{}"
    tree(
        tmp_path,
        {
            cpu.format(0, "scaling_governor"): "ondemand\n",
            cpu.format(0, "scaling_cur_freq"): "600000\n",
            cpu.format(2, "scaling_governor"): "performance\n",
            cpu.format(2, "scaling_cur_freq"): "1500000\n",
            cpu.format(10, "scaling_governor"): "ondemand\n",
            cpu.format(10, "scaling_cur_freq"): "1000000\n",
            "class/thermal/thermal_zone0/temp": "51121\n",
            "class/thermal/thermal_zone1/temp": "83205\n",
            "class/thermal/thermal_zone2/temp": "-274000\n",
            "class/hwmon/hwmon0/name": "cpu_thermal\n",
            "class/hwmon/hwmon1/name": "rpi_volt\n",
            "class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
        },
    )
    return tmp_path


def test_clocks_heat_and_voltage_are_read(board, monkeypatch):
    monkeypatch.setenv("PATH", str(board))
    found = read_state(time.monotonic() - 5, root=str(board))
    assert found["governors"] == ["ondemand", "performance"]
    assert found["frequency_khz"] == [600_000, 1_500_000, 1_000_000]  # cpu2 before cpu10
    assert found["temperature_c"] == pytest.approx(83.205)  # the hottest; no sensor is that cold
    assert found["throttled"] == 0b1  # under-voltage, which the kernel tells everybody
    assert 5 <= found["at_s"] < 60 and found["load_average"] >= 0


def test_what_a_machine_does_not_tell_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = read_state(time.monotonic(), root=str(tmp_path))
    assert (found["governors"], found["frequency_khz"]) == ([], [])
    assert found["temperature_c"] is None and found["throttled"] is None


@pytest.mark.parametrize(
    ("script", "flags"),
    [("echo throttled=0x50000", 0x50000), ("echo VCHI failed; exit 255", 0), ("echo ?", 0)],
)
def test_the_firmware_is_asked_first_and_then_the_kernel(tmp_path, monkeypatch, script, flags):
    program(tmp_path, monkeypatch, "vcgencmd", script)
    assert read_throttled(str(tmp_path)) == (flags or None)
    volt = "class/hwmon/hwmon0/"
    tree(tmp_path, {volt + "name": "rpi_volt\n", volt + "in0_lcrit_alarm": "0\n"})
    assert read_throttled(str(tmp_path)) == flags


def test_the_kernels_own_flags_are_not_read(tmp_path, monkeypatch):
    """Reading them leaves a warning with a backtrace in the kernel's log."""
    monkeypatch.setenv("PATH", str(tmp_path))
    tree(tmp_path, {"devices/platform/soc/soc:firmware/get_throttled": "50005\n"})
    assert read_throttled(str(tmp_path)) is None


def program(folder, monkeypatch, name, script):
    """A program of that name, ahead of all others."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


CORE = "processor\t: {}\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: {}\n\n"


@pytest.mark.parametrize(
    ("parts", "compatible", "name"),
    [
        (["0xd08"] * 4, "raspberrypi,4-model-b\0brcm,bcm2711\0", "Cortex-A72 (bcm2711)"),
        (["0xd0b"] * 4, "", "Cortex-A76"),
        (
            ["0xd05"] * 4 + ["0xd0b"] * 4,
            "pine64,quartzpro64\0rockchip,rk3588\0",
            "4x Cortex-A55 + 4x Cortex-A76 (rk3588)",
        ),
        (["0xfff"], "", "ARM core 0x41/0xfff"),
    ],
)
def test_an_arm_processor_is_called_by_its_cores_and_chip(tmp_path, parts, compatible, name):
    about = "Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    cores = "".join(CORE.format(number, part) for number, part in enumerate(parts))
    tree(tmp_path, {"proc/cpuinfo": cores + about, "proc/device-tree/compatible": compatible})
    assert processor_name(str(tmp_path)) == name


def test_a_32_bit_program_sees_the_same_cores(tmp_path):
    """Its /proc/cpuinfo has a model name as well, which says less."""
    cores = CORE.format(0, "0xd08").replace("BogoMIPS", "model name\t: ARMv7 rev 3\nBogoMIPS")
    tree(tmp_path, {"proc/cpuinfo": cores})
    assert processor_name(str(tmp_path)) == "Cortex-A72"
    tree(tmp_path, {"proc/cpuinfo": "vendor_id\t: A\nmodel name\t: Some x86 @ 2 GHz\n"})
    assert processor_name(str(tmp_path)) == "Some x86 @ 2 GHz"


def test_the_architecture_is_that_of_the_program(tmp_path):
    architectures = [
        machine_facts.program_architecture(kernel, pointer_bytes)
        for kernel, pointer_bytes in [("aarch64", 8), ("aarch64", 4), ("armv7l", 4), ("armv6l", 4)]
    ]
    assert architectures == ["aarch64", "armv7l", "armv7l", "armv6l"]
    tree(
        tmp_path,
        {
            "proc/cpuinfo": CORE.format(0, "0xd08"),
            "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
        },
    )
    found = machine_facts.read_environment(str(tmp_path))
    assert found["architecture"] == found["kernel_architecture"] == platform.machine()
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.4" and found["max_khz"] == [1_800_000]
    assert found["cpu_model"] == "Cortex-A72" and not found["emulated"]


def test_the_processor_of_an_emulated_machine_is_the_emulators(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_facts, "is_emulated", lambda: True)
    tree(tmp_path, {"proc/cpuinfo": "model name\t: Some x86\n"})
    found = machine_facts.read_environment(str(tmp_path))
    assert found["cpu_model"] == "QEMU on Some x86" and found["emulated"]


@pytest.mark.parametrize(
    ("script", "settable"),
    [('shift 2; "$@"', True), ("exit 1", False), ("exec sleep 60", False)],
)
def test_whether_the_governor_can_be_set_is_found_out_without_setting_it(
    tmp_path, monkeypatch, script, settable
):
    folder = "sys/devices/system/cpu/cpu0/cpufreq/"
    record = f'printf "%s\\n" "$*" >> {tmp_path}/asked; [ "$1 $2" = "-n -k" ] || exit 9\n{script}'
    program(tmp_path, monkeypatch, "sudo", record)
    if "sleep" in script:  # the others end by themselves, however busy the machine is
        monkeypatch.setattr(governor_access, "ASKING_S", 2.0)
    assert not governor_access.is_governor_settable(str(tmp_path / "sys"))
    assert not (tmp_path / "asked").exists()  # there is no governor to set
    tree(tmp_path, {folder + "scaling_governor": "ondemand\n"})
    may = os.access  # root may write it, others may not
    monkeypatch.setattr(
        os, "access", lambda path, mode: folder not in str(path) and may(path, mode)
    )
    assert governor_access.is_governor_settable(str(tmp_path / "sys")) == settable
    assert (tmp_path / "asked").read_text().count("\n") == 1
    assert (tmp_path / folder / "scaling_governor").read_text() == "ondemand\n"


def test_the_share_of_others_is_what_this_process_did_not_use(monkeypatch):
    """Seconds of all cores: total, busy, stolen, own."""
    times = iter([(100.0, 10.0, 1.0, 5.0), (120.0, 22.0, 2.0, 12.0)])
    monkeypatch.setattr(processor_shares, "read_processor_times", lambda: next(times))
    shares = processor_shares.Shares()
    shares.begin()
    shares.end()
    assert shares.others() == pytest.approx(5 / 20) and shares.stolen() == pytest.approx(1 / 20)


def test_without_processor_times_no_share_is_claimed(monkeypatch):
    monkeypatch.setattr(processor_shares, "read_processor_times", lambda: None)
    shares = processor_shares.Shares()
    shares.begin()
    shares.end()
    assert shares.others() is None and shares.stolen() is None


def test_this_processes_own_work_is_not_that_of_others():
    shares = processor_shares.Shares()
    shares.begin()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    before, now = shares.before, processor_shares.read_processor_times()
    assert now[3] - before[3] >= 0.25  # own time is counted, and it is part of what was busy
    assert now[1] - before[1] >= 0.2 and now[0] > before[0]
