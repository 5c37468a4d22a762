"""What the runner reads of the machine, on the files that Linux has where there are sensors."""

import time

import pytest

from bench import runner


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
            "devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        },
    )
    return tmp_path


def test_clocks_heat_and_throttling_are_read(board):
    found = runner.read_state(time.monotonic() - 5, root=str(board))
    assert found["governors"] == ["ondemand", "performance"]
    assert found["frequency_khz"] == [600_000, 1_500_000, 1_000_000]  # cpu2 before cpu10
    assert found["temperature_c"] == pytest.approx(83.205)  # the hottest; no sensor is that cold
    assert found["throttled"] == 0x50005
    assert 5 <= found["at_s"] < 60 and found["load_average"] >= 0


def test_what_a_machine_does_not_tell_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = runner.read_state(time.monotonic(), root=str(tmp_path))
    assert (found["governors"], found["frequency_khz"]) == ([], [])
    assert found["temperature_c"] is None and found["throttled"] is None


@pytest.mark.parametrize(
    ("script", "flags"),
    [("echo throttled=0x50000", 0x50000), ("echo VCHI failed; exit 255", None), ("echo ?", None)],
)
def test_the_firmware_is_asked_where_the_kernel_does_not_tell(tmp_path, monkeypatch, script, flags):
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert runner.read_throttled(str(tmp_path)) == flags


def test_the_share_of_others_is_what_this_process_did_not_use(monkeypatch):
    """Seconds of all cores: total, busy, stolen, own."""
    times = iter([(100.0, 10.0, 1.0, 5.0), (120.0, 22.0, 2.0, 12.0)])
    monkeypatch.setattr(runner, "read_processor_times", lambda: next(times))
    shares = runner.Shares()
    shares.begin()
    shares.end()
    assert shares.others() == pytest.approx(5 / 20) and shares.stolen() == pytest.approx(1 / 20)


def test_without_processor_times_no_share_is_claimed(monkeypatch):
    monkeypatch.setattr(runner, "read_processor_times", lambda: None)
    shares = runner.Shares()
    shares.begin()
    shares.end()
    assert shares.others() is None and shares.stolen() is None


def test_this_processes_own_work_is_not_that_of_others():
    shares = runner.Shares()
    shares.begin()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    before, now = shares.before, runner.read_processor_times()
    assert now[3] - before[3] >= 0.25  # own time is counted, and it is part of what was busy
    assert now[1] - before[1] >= 0.2 and now[0] > before[0]
