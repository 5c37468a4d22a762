"""The machine as the native runner reads it: as the Python runner does, same trees."""

import os
import platform

import pytest
from native_probe import probe, start
from test_cpu_quota import GROUPS, LIMITED

from bench.measurement.environment import Environment
from bench.on_device.cpu_quota import QuotaWatch
from bench.on_device.machine_facts import os_name, read_environment
from bench.on_device.machine_watch import MachineWatch
from bench.on_device.this_process import affinity
from quantize.runtime.vnni import lacks_vnni

CPU = "devices/system/cpu/cpu{}/cpufreq/{}"
BOARD = {
    CPU.format(0, "scaling_governor"): "ondemand\n",
    CPU.format(0, "scaling_cur_freq"): "600000\n",
    CPU.format(2, "scaling_governor"): "performance\n",
    CPU.format(2, "scaling_cur_freq"): "1500000\n",
    CPU.format(10, "scaling_governor"): "ondemand\n",
    CPU.format(10, "scaling_cur_freq"): "1000000\n",
    CPU.format(11, "scaling_cur_freq"): "<unknown>\n",
    "class/thermal/thermal_zone0/temp": "51121\n",
    "class/thermal/thermal_zone1/temp": "83205\n",
    "class/thermal/thermal_zone2/temp": "-274000\n",
    "class/thermal/thermal_zone3/temp": "250000\n",
    "class/thermal/thermal_zone4/temp": "\n",
    "class/hwmon/hwmon0/name": "cpu_thermal\n",
    "class/hwmon/hwmon1/name": "rpi_volt\n",
    "class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
}
# Root may write any file, unless that capability is taken from it.
MAY_NOT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
MEASURED = ("at_s", "load_average")
CORE = "processor\t: {}\nBogoMIPS\t: 108.00\nCPU implementer\t: {}\nCPU part\t: {}\n\n"


def tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def program(folder, name, script):
    """A program of that name, ahead of all others; the environment that finds it."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {**os.environ, "PATH": f"{path.parent}:/usr/bin:/bin"}


def states(root, monkeypatch, env=None):
    """Of both runners, without what changes from moment to moment."""
    monkeypatch.setenv("PATH", (env or os.environ)["PATH"])
    watch = MachineWatch(root=str(root))
    watch.look()
    native, expected = probe("state", root), watch.states[0]
    assert native.pop("unanswered") == watch.unanswered == []
    assert set(native) == set(expected)
    assert 0 <= native["at_s"] < 60 and native["load_average"] >= 0
    return [
        {key: found[key] for key in found if key not in MEASURED} for found in (native, expected)
    ]


def environments(root, monkeypatch, env=None):
    """Of both runners; the native one knows no Python and no packages."""
    monkeypatch.setenv("PATH", (env or os.environ)["PATH"])
    native, expected = probe("environment", root), read_environment(str(root))
    assert Environment.from_dict(native).cores == expected["cores"]
    return native, {**expected, "python": None, "versions": {}}


def test_clocks_heat_and_voltage_are_the_same(tmp_path, monkeypatch):
    tree(tmp_path, BOARD)
    native, expected = states(tmp_path, monkeypatch)
    assert native == expected
    assert native["frequency_khz"] == [600_000, 0, 1_500_000, *[0] * 7, 1_000_000]
    assert (native["temperature_c"], native["throttled"]) == (83.205, 1)


@pytest.mark.parametrize("root", ["nothing", "/sys"])
def test_what_a_machine_does_not_tell_is_empty(tmp_path, monkeypatch, root):
    native, expected = states(tmp_path / root, monkeypatch)
    assert len(native.pop("frequency_khz")) == len(expected.pop("frequency_khz"))
    assert native == expected


@pytest.mark.parametrize(
    "script",
    [
        "echo throttled=0x50000",
        "echo throttled=0x0",
        "echo VCHI failed; exit 255",
        "echo throttled=0x5; exit 1",
        "echo ?",
        "echo throttled=",
        "echo throttled=zz",
        "echo throttled=0x",
        "echo throttled=-0x5",
        "echo throttled=0x5_0",
        "echo throttled=0x999999999999999999999",
        "cat /dev/zero",
        "kill -9 $$",
        '[ "$1" = get_throttled ] && echo throttled=8',
    ],
)
def test_the_firmware_is_asked_first_and_then_the_kernel(tmp_path, monkeypatch, script):
    env = program(tmp_path, "vcgencmd", script)
    tree(tmp_path, {name: text for name, text in BOARD.items() if "hwmon" in name})
    native, expected = states(tmp_path, monkeypatch, env)
    assert native == expected and native["throttled"] is not None


def test_all_32_flags_are_told(tmp_path, monkeypatch):
    env = program(tmp_path, "vcgencmd", "echo throttled=0xffffffff")
    native, expected = states(tmp_path, monkeypatch, env)
    assert native == expected and native["throttled"] == 2**32 - 1


@pytest.mark.parametrize(
    ("text", "celsius"),
    [("51121", 51.121), ("45", 45), ("199", 199), ("200", 0.2), ("0", None), ("9" * 30, None)],
)
def test_a_zone_may_tell_degrees_or_thousandths_of_them(tmp_path, monkeypatch, text, celsius):
    tree(tmp_path, {"class/thermal/thermal_zone0/temp": text})
    native, expected = states(tmp_path, monkeypatch)
    assert native == expected and native["temperature_c"] == celsius


def test_figures_that_no_machine_has_are_passed_by(tmp_path, monkeypatch):
    odd = dict.fromkeys((CPU.format(n, "scaling_cur_freq") for n in range(3)), "9" * 30)
    tree(tmp_path, {**odd, CPU.format(1, "scaling_cur_freq"): "600000"})
    native, expected = states(tmp_path, monkeypatch)
    assert native == expected and native["frequency_khz"] == [0, 600000]


def test_a_firmware_that_never_answers_is_not_waited_for(tmp_path):
    env = program(tmp_path, "vcgencmd", "echo throttled=0x1; exec sleep 60")
    found = probe("state", tmp_path, env=env)
    assert found["throttled"] is None and found["at_s"] < 60
    assert found["unanswered"] == ["vcgencmd"]


def test_a_driver_that_hangs_costs_only_what_it_tells(tmp_path):
    tree(tmp_path, BOARD)
    hanging = tmp_path / "class/thermal/thermal_zone1/temp"
    hanging.unlink()
    os.mkfifo(hanging)
    found = probe("state", tmp_path)
    assert found["unanswered"] == ["thermal"] and found["temperature_c"] is None
    assert found["governors"] and found["throttled"] == 1


def test_what_kept_another_run_waiting_is_not_asked(tmp_path):
    tree(tmp_path, BOARD)
    env = program(tmp_path, "vcgencmd", f"touch {tmp_path}/asked; echo throttled=0x5")
    found = probe("state", tmp_path, "vcgencmd", "cpufreq", env=env)
    assert found["unanswered"] == ["cpufreq", "vcgencmd"] and not (tmp_path / "asked").exists()
    assert found["governors"] == [] and found["throttled"] == 1


@pytest.mark.parametrize("online", ["0,2-3", "1-2", "0-1,10", "odd", ""])
def test_cores_that_are_off_are_the_same(tmp_path, monkeypatch, online):
    tree(tmp_path, {**BOARD, CPU.format(1, "scaling_cur_freq"): "9\n"})
    tree(tmp_path, {"devices/system/cpu/online": online + "\n"})
    native, expected = states(tmp_path, monkeypatch)
    assert native == expected


@pytest.mark.parametrize("name", LIMITED)
def test_the_cpu_quota_is_the_same(tmp_path, name):
    groups, files, where = LIMITED[name]
    tree(tmp_path, {"proc/self/cgroup": groups})
    tree(tmp_path / GROUPS, files)
    watch = QuotaWatch(str(tmp_path))
    watch.begin()
    watch.end()
    assert probe("quota", tmp_path) == watch.found() and watch.found()["file"].endswith(where)
    assert probe("environment", tmp_path)["cpu_quota_cores"] == 1.5


@pytest.mark.parametrize("text", ["max 100000\n", "", "0 0\n", "150000", "x y z\n", "1 2 3\n"])
def test_no_cpu_quota_is_none(tmp_path, text):
    tree(tmp_path, {"proc/self/cgroup": "0::/\n\nodd\n1:\n", f"{GROUPS}/cpu.max": text})
    assert probe("quota", tmp_path) is None
    assert probe("environment", tmp_path)["cpu_quota_cores"] is None


@pytest.mark.parametrize(
    ("parts", "compatible"),
    [
        ([("0x41", "0xd08")] * 4, "raspberrypi,4-model-b\0brcm,bcm2711\0"),
        ([("0x41", "0xd0b")] * 4, ""),
        ([("0x41", "0xd05")] * 4 + [("0x41", "0xd0b")] * 4, "pine64,quartz\0rockchip,rk3588\0"),
        ([("0x41", "0xfff")], "nocomma"),
        ([("0x51", "0x805"), ("0x51", "0x804"), ("0x51", "0x805")], "qcom,sm8150\0"),
        ([("0x48", "0xd40")], "a,b,c\0"),
    ],
)
def test_a_board_is_called_the_same(tmp_path, monkeypatch, parts, compatible):
    about = "Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    cores = "".join(CORE.format(number, *part) for number, part in enumerate(parts))
    maxima = {f"sys/{CPU.format(n, 'cpuinfo_max_freq')}": f"{n + 1}000\n" for n in (0, 2, 10)}
    files = {"proc/cpuinfo": cores + about, "proc/device-tree/compatible": compatible}
    files["proc/device-tree/model"] = "Raspberry Pi 4 Model B Rev 1.4\0"
    tree(tmp_path, {**files, **maxima})
    native, expected = environments(tmp_path, monkeypatch)
    assert native == expected
    assert native["max_khz"] == [1000, 0, 3000, *[0] * 7, 11000] and native["board"].endswith(
        "Rev 1.4"
    )


@pytest.mark.parametrize(
    "text",
    [
        "vendor_id\t: A\nmodel name\t: Some x86 @ 2 GHz\nmodel name\t: Another\n",
        "model name\t:\nModel\t: A board: with a colon\n",
        CORE.format(0, "0x41", "0xd08").replace("BogoMIPS", "model name\t: ARMv7\nBogoMIPS"),
        "no colon\n\n",
    ],
)
def test_a_processor_is_called_the_same(tmp_path, monkeypatch, text):
    tree(tmp_path, {"proc/cpuinfo": text})
    native, expected = environments(tmp_path, monkeypatch)
    if "no colon" in text:  # where Python goes on to ask the program uname
        expected["cpu_model"] = "unknown"
    assert native == expected


@pytest.mark.parametrize(
    ("text", "has_it"),
    [
        ("flags\t\t: fpu avx2 avx512_vnni vaes\n", True),
        ("flags\t\t: fpu avx2 avx_vnni\n", True),
        ("flags\t\t: fpu avx2 avx512vl\nvmx flags\t: avx_vnni\n", False),
        ("Features\t: asimd asimddp\n", False),
    ],
)
def test_a_processor_has_vnni_by_its_flags(tmp_path, text, has_it):
    tree(tmp_path, {"proc/cpuinfo": text})
    assert probe("vnni", tmp_path) is has_it
    assert lacks_vnni(tmp_path / "proc/cpuinfo") is not has_it


def test_this_machine_is_described_the_same(monkeypatch):
    native, expected = environments("/", monkeypatch)
    assert native == expected and native["kernel_architecture"] == platform.machine()


@pytest.mark.parametrize("script", ['shift 2; "$@"', "exit 1"])
def test_whether_the_governor_can_be_set_is_found_out_without_setting_it(tmp_path, script):
    asked = f'printf "%s\\n" "$*" >> {tmp_path}/asked; [ "$1 $2" = "-n -k" ] || exit 9\n{script}'
    env = program(tmp_path, "sudo", asked)
    assert not probe("environment", tmp_path, env=env)["governor_settable"]
    governor = tmp_path / "sys" / CPU.format(0, "scaling_governor")
    tree(tmp_path, {governor.relative_to(tmp_path): "ondemand\n"})
    assert probe("environment", tmp_path, env=env)["governor_settable"]  # we may write it
    assert not (tmp_path / "asked").exists()
    governor.chmod(0o444)
    found = probe("environment", tmp_path, env=env, through=MAY_NOT_OVERRIDE)
    assert found["governor_settable"] == (not script.startswith("exit"))
    assert (tmp_path / "asked").read_text() == "-n -k tee\n"
    assert governor.read_text() == "ondemand\n"


def test_a_phone_is_asked_for_its_name(tmp_path):
    script = """case "$1" in
        ro.build.version.release) echo 14 ;;
        ro.product.manufacturer) echo Google ;;
        ro.product.model) echo "Pixel 8 Pro" ;;
    esac"""
    tree(tmp_path, {"proc/device-tree/model": "Some board\0"})
    found = probe("environment", tmp_path, env=program(tmp_path, "getprop", script))
    assert (found["os"], found["board"]) == ("Android 14", "Google Pixel 8 Pro")


@pytest.mark.parametrize("script", ["exit 1", "exit 0"])
def test_a_phone_that_has_only_the_file_is_known_by_it(tmp_path, script):
    properties = "# begin\nro.build.version.release=12\nro.product.model=A B\n"
    tree(tmp_path, {"system/build.prop": properties, "proc/device-tree/model": "Some board\0"})
    env = program(tmp_path, "getprop", script)
    found = probe("environment", tmp_path, env=env)
    assert (found["os"], found["board"]) == ("Android 12", "A B")
    (tmp_path / "system/build.prop").write_text("ro.product.model=A B\n")
    found = probe("environment", tmp_path, env=env)
    assert (found["os"], found["board"]) == (os_name(), "Some board")


def test_versions_come_from_the_libraries_folders(tmp_path):
    (tmp_path / "versions.json").write_text('{"onnxruntime": "1.2.3"}')
    assert probe("environment", "/", tmp_path)["versions"] == {"onnxruntime": "1.2.3"}


def test_names_that_are_not_utf8_do_not_end_it(tmp_path):
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Board \xff\xfe\0")
    assert probe("environment", tmp_path)["board"].startswith("Board ")


def test_a_process_is_pinned_and_told_of():
    everything = probe("process")
    assert everything["affinity"] == affinity() and everything["threads"] == 1
    assert everything["peak_rss_bytes"] > 1_000_000
    assert 0 <= everything["others_share"] <= 1 and 0 <= everything["stolen_share"] <= 1
    last = everything["affinity"][-1]
    assert probe("process", last)["affinity"] == [last]


def test_cores_that_are_not_there_are_a_bad_job():
    done = start("process", 4095)
    assert done.returncode == 2 and "cores [4095] cannot be had" in done.stderr
