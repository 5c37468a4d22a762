"""Facts and states of the machine, read from the files that Linux has where there are sensors."""

import os
import platform
import threading
import time
from pathlib import Path

import pytest

from bench.on_device import (
    ask_program,
    governor_access,
    machine_facts,
    machine_watch,
    processor_shares,
    this_process,
)
from bench.on_device.job_error import JobError
from bench.on_device.machine_watch import MachineWatch
from bench.on_device.online_cores import online_cores, parse_cores
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


def look(root, unasked=()):
    """The state before the turns."""
    watch = MachineWatch(unasked, str(root))
    watch.look()
    return watch.states[-1]


def test_clocks_heat_and_voltage_are_read(board, monkeypatch):
    monkeypatch.setenv("PATH", str(board))
    found = look(board)
    assert found["governors"] == ["ondemand", "performance"]
    assert found["frequency_khz"] == [600_000, 0, 1_500_000, *[0] * 7, 1_000_000]
    assert found["temperature_c"] == pytest.approx(83.205)  # the hottest; no sensor is that cold
    assert found["throttled"] == 0b1  # under-voltage, which the kernel tells everybody
    assert 0 <= found["at_s"] < 60 and found["load_average"] >= 0


def test_what_a_machine_does_not_tell_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = look(tmp_path)
    assert (found["governors"], found["frequency_khz"]) == ([], [])
    assert found["temperature_c"] is None and found["throttled"] is None


@pytest.mark.parametrize(
    ("script", "flags"),
    [("echo throttled=0x50000", 0x50000), ("echo VCHI failed; exit 255", 0), ("echo ?", 0)],
)
def test_the_firmware_is_asked_first_and_then_the_kernel(tmp_path, monkeypatch, script, flags):
    program(tmp_path, monkeypatch, "vcgencmd", script)
    assert look(tmp_path)["throttled"] == (flags or None)
    volt = "class/hwmon/hwmon0/"
    tree(tmp_path, {volt + "name": "rpi_volt\n", volt + "in0_lcrit_alarm": "0\n"})
    assert look(tmp_path)["throttled"] == flags


@pytest.mark.parametrize(
    "script", ["cat /dev/zero", "echo throttled=0x999999999999999999999", "echo throttled=-0x5"]
)
def test_a_firmware_that_says_what_no_firmware_does_tells_nothing(tmp_path, monkeypatch, script):
    """Neither a record that nobody can read nor the memory of the board is its to fill."""
    program(tmp_path, monkeypatch, "vcgencmd", script)
    watch = MachineWatch((), str(tmp_path))
    watch.look()
    assert watch.states[0]["throttled"] is None and watch.unanswered == []


def test_the_kernels_own_flags_are_not_read(tmp_path, monkeypatch):
    """Reading them leaves a warning with a backtrace in the kernel's log."""
    monkeypatch.setenv("PATH", str(tmp_path))
    tree(tmp_path, {"devices/platform/soc/soc:firmware/get_throttled": "50005\n"})
    assert look(tmp_path)["throttled"] is None


@pytest.fixture
def short(monkeypatch):
    """Nobody is given more than a moment to answer."""
    for module in (machine_watch, ask_program):
        monkeypatch.setattr(module, "ASKING_S", 0.3)


HANGS = [("exec sleep 600", "a program"), ("sleep 600 & sleep 600", "and what it started")]


@pytest.mark.parametrize("script", [script for script, _ in HANGS])
def test_a_firmware_that_never_answers_is_asked_once(board, monkeypatch, short, script):
    record = f"echo $$ >> {board}/asked\n{script}"
    program(board, monkeypatch, "vcgencmd", record)
    watch = MachineWatch((), str(board))
    for _ in range(3):
        watch.look()
    (asked,) = (board / "asked").read_text().split()
    assert watch.unanswered == ["vcgencmd"]
    assert [state["throttled"] for state in watch.states] == [1] * 3  # the kernel still tells
    for group in Path("/proc").glob("[0-9]*/stat"):  # nothing of it goes on
        try:
            fields = group.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        assert fields[2] != asked or fields[0] == "Z"


def test_what_kept_another_run_waiting_is_not_asked(board, monkeypatch):
    program(board, monkeypatch, "vcgencmd", f"touch {board}/asked; echo throttled=0x5")
    watch = MachineWatch(["vcgencmd", "thermal"], str(board))
    watch.look()
    assert not (board / "asked").exists() and watch.unanswered == ["thermal", "vcgencmd"]
    assert watch.states[0]["temperature_c"] is None and watch.states[0]["governors"]


def hanging(path):
    """A file whose reader waits for ever, as for a driver that hangs."""
    path.unlink()
    os.mkfifo(path)


def test_a_driver_that_hangs_costs_one_wait_and_only_what_it_tells(board, monkeypatch, short):
    monkeypatch.setenv("PATH", str(board))
    hanging(board / "class/thermal/thermal_zone1/temp")
    watch, before = MachineWatch((), str(board)), threading.active_count()
    for _ in range(3):
        watch.look()
    assert watch.unanswered == ["thermal"] and threading.active_count() == before + 1
    assert [state["temperature_c"] for state in watch.states] == [None] * 3
    assert all(state["governors"] and state["throttled"] == 1 for state in watch.states)


def test_a_driver_that_hangs_later_does_not_stand_between_turns(board, monkeypatch):
    """Each turn waits GLANCE_S at most, and after ASKING_S it is given up."""
    monkeypatch.setenv("PATH", str(board))
    monkeypatch.setattr(machine_watch, "PERIOD_S", 0.0)
    watch = MachineWatch((), str(board))
    watch.look()
    hanging(board / "class/thermal/thermal_zone0/temp")
    watch.glance()
    assert watch.unanswered == [] and watch.states[-1]["temperature_c"] is None
    monkeypatch.setattr(machine_watch, "ASKING_S", 0.01)
    watch.glance()
    assert watch.unanswered == ["thermal"] and watch.states[-1]["throttled"] == 1


def test_no_program_is_started_between_turns(board, monkeypatch):
    program(board, monkeypatch, "vcgencmd", f"echo asked >> {board}/asked; echo throttled=0x5")
    monkeypatch.setattr(machine_watch, "PERIOD_S", 0.0)
    watch = MachineWatch((), str(board))
    watch.look()
    watch.glance()
    watch.look()
    assert [state["throttled"] for state in watch.states] == [5, 1, 5]
    assert (board / "asked").read_text().count("asked") == 2


@pytest.mark.parametrize(
    ("text", "cores"),
    [("0", [0]), ("0-3", [0, 1, 2, 3]), ("0,2-3", [0, 2, 3]), ("0-1,7,9-10", [0, 1, 7, 9, 10]),
     ("", None), ("-1", None), ("a", None), ("0,,1", None), ("99999", None)],
)  # fmt: skip
def test_a_list_of_cores_is_read_as_the_kernel_writes_it(text, cores):
    assert parse_cores(text) == cores


def test_a_core_that_is_off_leaves_a_gap_and_its_old_figures_count_nothing(board, monkeypatch):
    monkeypatch.setenv("PATH", str(board))
    cpu = "devices/system/cpu/"
    tree(board, {f"{cpu}cpu1/cpufreq/scaling_cur_freq": "9\n", f"{cpu}online": "0,2,10\n"})
    tree(board, {f"{cpu}cpu1/cpufreq/scaling_governor": "userspace\n"})
    assert online_cores(str(board)) == [0, 2, 10]
    found = look(board)
    assert found["frequency_khz"] == [600_000, 0, 1_500_000, *[0] * 7, 1_000_000]
    assert found["governors"] == ["ondemand", "performance"]
    (board / cpu / "online").write_text("1-2\n")
    assert look(board)["frequency_khz"] == [0, 9, 1_500_000]


def test_cores_that_cannot_be_had_are_told_with_those_that_are_on(monkeypatch):
    monkeypatch.setattr(this_process, "online_cores", lambda: [0, 2, 3])
    with pytest.raises(JobError, match=r"cores \[4095\] cannot be had: .*are on: \[0, 2, 3\]"):
        this_process.pin([4095])


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
        monkeypatch.setattr(ask_program, "ASKING_S", 2.0)
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


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_processor_times_of_another_form_are_none(tmp_path, text):
    (tmp_path / "stat").write_text(text)
    assert processor_shares.read_processor_times(tmp_path / "stat") is None
    assert processor_shares.read_processor_times(tmp_path / "none") is None


def test_a_system_that_hides_its_load_is_measured_all_the_same(board, monkeypatch):
    def hidden():
        raise OSError("Load averages are unobtainable")

    monkeypatch.setenv("PATH", str(board))
    monkeypatch.setattr(os, "getloadavg", hidden)
    found = look(board)
    assert found["load_average"] is None and found["governors"]


def test_this_processes_own_work_is_not_that_of_others():
    shares = processor_shares.Shares()
    shares.begin()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    before, now = shares.before, processor_shares.read_processor_times()
    assert now[3] - before[3] >= 0.25  # own time is counted, and it is part of what was busy
    assert now[1] - before[1] >= 0.2 and now[0] > before[0]
