"""The emulated phone is what it says it is, can be disturbed, and leaves nothing after it."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from arm64.missing import CannotEmulate, check
from arm64.settings import Settings
from commands import ROOT
from device_android.authorization import Consent
from device_android.emulated_phone import TOOLS
from device_android.root import APPLETS, BORROWED, LOADER
from device_android.settings import DATA, DEVICE

pytestmark = pytest.mark.android
SCRIPT = ROOT / "tests" / "device_android"
MIB = 1 << 20


def shell(phone, line, **options):
    return phone.adb("shell", line, **options)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.05)


def children(pid):
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes_of(namespace):
    """Every process that is in that user namespace, and not only waits to be waited for."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            ended = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if os.readlink(process / "ns" / "user") == namespace and not ended:
                found.append(int(process.name))
    return found


def test_its_programs_are_those_of_a_phone_and_of_its_shell_user(emulated_phone):
    done = shell(emulated_phone, "uname -m; id -un; pwd; umask; echo $TMPDIR; echo $KSH_VERSION")
    assert done.stdout.splitlines()[:5] == ["aarch64", "shell", "/", "000", DATA]
    assert "MIRBSD KSH" in done.stdout
    done = shell(emulated_phone, "for one in bash python3 perl ls; do command -v $one; done")
    assert done.stdout == "/system/bin/ls\n"


def test_every_program_is_there(emulated_phone):
    done = shell(emulated_phone, "toybox; busybox --list")
    assert set(APPLETS) | set(BORROWED) <= set(done.stdout.split())
    assert "not found" not in shell(emulated_phone, "echo a | tr a b").stderr


def test_only_its_own_folder_can_be_written_to(emulated_phone):
    done = shell(emulated_phone, f"cd {DATA} && echo a >file && cat file && rm file")
    assert done.stdout == "a\n", done.stderr
    for path in ("/file", "/system/file", "/data/file", "/sdcard/file"):
        assert "Permission denied" in shell(emulated_phone, f"touch {path}").stderr
    assert "No such file" in shell(emulated_phone, "ls /tmp").stderr


def test_a_program_that_brings_no_loader_of_its_own_does_not_start(emulated_phone, tmp_path):
    """Debian's loader and library are no more there than on a phone."""
    usual, here = (LOADER[0], LOADER[1].ljust(len(LOADER[0]), b"\0"))
    content = emulated_phone.path("/system/bin/toybox").read_bytes()
    (tmp_path / "toybox").write_bytes(content.replace(here, usual))
    (tmp_path / "toybox").chmod(0o755)
    emulated_phone.adb("push", str(tmp_path / "toybox"), DATA)
    done = shell(emulated_phone, f"{DATA}/toybox echo started")
    assert done.returncode != 0
    assert usual.decode() in done.stderr
    line = f"/system/bin/linker64 {DATA}/toybox echo started; rm {DATA}/toybox"
    assert shell(emulated_phone, line).stdout == "started\n"
    assert shell(emulated_phone, "ls -d /lib /usr").stdout == ""


def test_it_has_little_and_big_cores_and_thermal_zones(emulated_phone):
    read = "cat /sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq"
    most_khz = [int(line) for line in shell(emulated_phone, read).stdout.split()]
    assert len(most_khz) == os.cpu_count()
    assert most_khz == sorted(most_khz)
    assert len(set(most_khz)) == min(2, os.cpu_count())
    zones = shell(emulated_phone, "cat /sys/class/thermal/thermal_zone*/type").stdout.split()
    assert {"cpu-0-0-usr", "battery"} <= set(zones)


def test_getprop_tells_who_it_is(emulated_phone):
    asked = "ro.product.model ro.product.cpu.abilist ro.build.version.release none"
    line = f"for one in {asked}; do getprop $one; done; getprop none default; getprop"
    done = shell(emulated_phone, line).stdout.splitlines()
    assert done[:5] == ["Emulated Phone", "arm64-v8a,armeabi-v7a,armeabi", "14", "", "default"]
    assert "[ro.build.version.sdk]: [34]" in done


def test_settings_are_kept_and_doze_is_forgotten_when_it_restarts(start_phone):
    phone = start_phone()
    put = "settings put global stay_on_while_plugged_in 3; dumpsys deviceidle disable"
    output = "Deep idle mode disabled\nLight idle mode disabled\n"
    assert shell(phone, put).stdout == output
    ask = "settings get global stay_on_while_plugged_in; dumpsys deviceidle enabled"
    assert shell(phone, ask).stdout == "3\n0\n"
    assert shell(phone, "dumpsys deviceidle disable").stdout == ""
    phone.reboot()
    until(lambda: phone.state() == "device")
    assert shell(phone, ask).stdout == "3\n1\n"


def test_settings_answer_as_on_a_phone(emulated_phone):
    key = "settings {} system no_such_key"
    assert shell(emulated_phone, key.format("get")).stdout == "null\n"
    shell(emulated_phone, key.format("put") + " 'a b'")
    assert shell(emulated_phone, key.format("get")).stdout == "a b\n"
    assert shell(emulated_phone, key.format("delete")).stdout == "Deleted 1 rows\n"
    assert shell(emulated_phone, key.format("delete")).stdout == "Deleted 0 rows\n"
    assert shell(emulated_phone, "settings get nowhere key").returncode == 255
    shell(emulated_phone, "svc power stayon usb")
    get = "settings get global stay_on_while_plugged_in"
    assert shell(emulated_phone, get).stdout == "2\n"
    shell(emulated_phone, "svc power stayon false")
    assert shell(emulated_phone, get).stdout == "0\n"


def test_dumpsys_tells_of_battery_heat_and_screen(emulated_phone):
    line = "dumpsys battery set level 17; dumpsys battery unplug; dumpsys battery"
    battery = shell(emulated_phone, line).stdout
    assert "  level: 17\n" in battery
    assert "  USB powered: false\n" in battery
    shell(emulated_phone, "dumpsys battery reset")
    battery = shell(emulated_phone, "dumpsys battery").stdout
    assert "  level: 84\n" in battery
    assert "  USB powered: true\n" in battery
    assert "\nThermal Status: 0\n" in shell(emulated_phone, "dumpsys thermalservice").stdout
    screen = "dumpsys deviceidle get screen; dumpsys power | grep mWakefulness="
    assert shell(emulated_phone, screen).stdout == "true\n  mWakefulness=Awake\n"
    shell(emulated_phone, "input keyevent KEYCODE_POWER")
    assert shell(emulated_phone, screen).stdout == "false\n  mWakefulness=Asleep\n"
    shell(emulated_phone, "input keyevent KEYCODE_WAKEUP")
    assert shell(emulated_phone, screen).stdout == "true\n  mWakefulness=Awake\n"


def test_a_reboot_ends_what_runs_and_keeps_what_was_written(start_phone):
    phone = start_phone()
    boot = "cat /proc/sys/kernel/random/boot_id"
    before, serial = shell(phone, boot).stdout, phone.serial
    shell(phone, f"echo kept >{DATA}/file; nohup setsid sleep 1000 >/dev/null 2>&1 &")
    until(lambda: any("1000" in one.argv for one in phone.processes()))
    phone.power_off()
    until(lambda: phone.state() != "device")
    phone.power_on()
    assert phone.serial == serial
    phone.connect()
    until(lambda: phone.state() == "device")
    assert shell(phone, f"cat {DATA}/file").stdout == "kept\n"
    assert shell(phone, boot).stdout not in ("", before)
    assert phone.processes() == []


def test_a_broken_connection_leaves_what_runs_in_a_session_of_its_own(start_phone):
    phone = start_phone()
    shell(phone, "nohup setsid sleep 1000 >/dev/null 2>&1 &")
    phone.disconnect()
    until(lambda: phone.state() == "device")
    assert [one.argv[-1] for one in phone.processes()] == ["1000"]
    assert shell(phone, "echo on").stdout == "on\n"


def test_the_connection_can_be_cut_delayed_and_silent(start_phone, tmp_path):
    phone = start_phone()
    phone.cut_at(3)
    assert shell(phone, "echo lost; sleep 1").stdout == ""
    until(lambda: phone.state() == "device")
    phone.hold(0.5)
    assert shell(phone, "echo late").stdout == "late\n"
    phone.go_offline()
    until(lambda: phone.state() == "offline")
    phone.come_back()
    until(lambda: phone.state() == "device")
    (tmp_path / "file").write_bytes(bytes(MIB))
    phone.truncate_push(1000)
    phone.adb("push", str(tmp_path / "file"), f"{DATA}/file")
    assert phone.path(f"{DATA}/file").stat().st_size == 1000


def test_its_owner_refuses_and_allows(start_phone):
    phone = start_phone(consent=Consent.DENY)
    assert phone.state() == "unauthorized"
    phone.consent(Consent.ALLOW)
    phone.disconnect()
    until(lambda: phone.state() == "device")


def test_a_program_is_killed_by_its_name(start_phone):
    phone = start_phone()
    loader = f"cp /system/bin/toybox {DATA}/sleep && exec /system/bin/linker64 {DATA}/sleep 1000"
    client = subprocess.Popen(
        ["adb", "-s", phone.serial, "shell", loader], env={**os.environ, **phone.environment}
    )
    until(lambda: any(one.runs("sleep") for one in phone.processes()))
    assert phone.kill("sleep") == 1
    assert client.wait(30) == 128 + signal.SIGKILL


@pytest.mark.parametrize("options", [{"small_disks_mib": {DATA: 3}}, {"disk_mib": 3}])
def test_a_full_disk_says_so(start_phone, options, tmp_path):
    phone = start_phone(**options)
    (tmp_path / "file").write_bytes(bytes(8 * MIB))
    done = phone.adb("push", str(tmp_path / "file"), f"{DATA}/file")
    assert done.returncode == 1
    assert "write failed: No space left on device" in done.stdout
    assert shell(phone, f"ls {DATA}").stdout == ""
    done = shell(phone, f"head -c 8000000 /dev/zero >{DATA}/file")
    assert "No space left on device" in done.stderr


@pytest.fixture
def started_script():
    """``python tests/device_android`` in a process of its own; its adb command."""
    try:
        check(DEVICE, TOOLS, "")
    except CannotEmulate as reason:
        pytest.skip(str(reason))
    process = subprocess.Popen(
        [sys.executable, SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    assert line, process.stderr.read()
    yield process, shlex.split(line)
    process.terminate()
    process.communicate()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_however_it_ends(started_script, end):
    process, command = started_script
    spaces = {pid: os.readlink(f"/proc/{pid}/ns/user") for pid in children(process.pid)}
    (server,) = (pid for pid in spaces if b"adb" in Path(f"/proc/{pid}/cmdline").read_bytes())
    (machine,) = set(spaces) - {server}
    *_, settings = Path(f"/proc/{machine}/cmdline").read_text().rstrip("\0").split("\0")
    folder = Path(Settings.from_json(settings).state)
    assert folder.exists()
    session = subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    session.stdin.write("nohup setsid sleep 1000 >/dev/null & echo started\n")
    session.stdin.flush()
    assert session.stdout.readline() == "started\n"
    assert len(processes_of(spaces[machine])) >= 5
    process.send_signal(end)
    process.wait(30)
    session.communicate()
    until(lambda: not processes_of(spaces[machine]))
    until(lambda: not Path(f"/proc/{server}").exists())
    until(lambda: not folder.exists())
