"""Facts of a phone from its shell; here the shell of this machine, with a getprop of our own."""

import pytest
from local_transport import LocalTransport

from bench.devices import phone_facts as module
from bench.devices.phone_facts import big_cores, phone_facts
from bench.devices.settings import DeviceSettings
from models.command_line.errors import DeviceError, RequestError

GETPROP = """#!/bin/sh
case $1 in
ro.product.cpu.abilist) echo arm64-v8a,armeabi-v7a;;
ro.build.version.release) echo 14;;
esac
"""


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """``phone(getprop)``: a connection to it; its cores are those of ``tmp_path``/cores."""
    monkeypatch.setattr(module, "CORES", str(tmp_path / "cores"))

    def made(getprop=GETPROP):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "getprop").write_text(getprop)
        (folder / "getprop").chmod(0o755)
        line = LocalTransport({"PATH": f"{folder}:/usr/bin:/bin"})
        line.connect()
        return line

    return made


def settings(cache):
    return DeviceSettings("my phone", "adb", "", cache=str(cache))


def core(tmp_path, number, khz):
    folder = tmp_path / "cores" / f"cpu{number}" / "cpufreq"
    folder.mkdir(parents=True)
    (folder / "cpuinfo_max_freq").write_text(f"{khz}\n")


def test_what_a_phone_says(phone, tmp_path):
    core(tmp_path, 10, 2_800_000)
    core(tmp_path, 2, 1_800_000)
    (tmp_path / "cores" / "cpu3").mkdir()  # asleep
    found = phone_facts(phone(), settings(tmp_path / "a" / "b"))
    assert found.abis == ("arm64-v8a", "armeabi-v7a") and found.release == "14"
    assert found.max_khz == {2: 1_800_000, 10: 2_800_000}
    assert list(found.max_khz) == [2, 10]
    assert not (tmp_path / "a").exists()


def test_a_core_that_is_off_is_not_chosen_by_what_it_was(phone, tmp_path):
    core(tmp_path, 0, 1_800_000)
    core(tmp_path, 1, 2_800_000)
    core(tmp_path, 2, 2_800_000)
    for number, online in ((1, 0), (2, 1)):
        (tmp_path / "cores" / f"cpu{number}" / "online").write_text(f"{online}\n")
    assert phone_facts(phone(), settings(tmp_path)).max_khz == {0: 1_800_000, 2: 2_800_000}


def test_what_is_no_android_is_told_so(phone, tmp_path):
    with pytest.raises(DeviceError, match=r'not an Android phone.*transport = "ssh"'):
        phone_facts(phone("#!/bin/sh\n"), settings(tmp_path))


def test_a_folder_that_cannot_be_made(phone, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError, match="below /data/local/tmp"):
        phone_facts(phone(), settings(tmp_path / "file" / "cache"))


@pytest.mark.parametrize("cache", ["/data/a;b", "/data/a:b/c"])
def test_a_cache_in_which_a_loader_finds_no_libraries(phone, cache):
    with pytest.raises(
        RequestError, match=r"my phone: cache is .*; expected a path without ':' and"
    ):
        phone_facts(phone(), settings(cache))


@pytest.mark.parametrize("cache", ["/", "/data/local/tmp", "/data/local/tmp/"])
def test_a_cache_that_is_a_folder_of_other_things(phone, cache):
    with pytest.raises(RequestError, match=r"where other things are.*a folder of its own"):
        phone_facts(phone(), settings(cache))


@pytest.mark.parametrize("cache", ["relative", "/data/../etc"])
def test_a_cache_that_is_no_absolute_path(phone, cache):
    with pytest.raises(RequestError, match="expected an absolute path"):
        phone_facts(phone(), settings(cache))


def test_the_big_cores_are_those_with_the_highest_clock():
    kinds = {0: 18, 1: 18, 2: 18, 3: 18, 4: 24, 5: 24, 6: 24, 7: 28}
    assert big_cores(kinds, 1) == (7,)
    assert big_cores(kinds, 2) == (4, 5, 6, 7)
    assert big_cores(kinds, 8) == tuple(range(8))
    assert big_cores(kinds, 99) == tuple(range(8))


def test_cores_that_are_alike_are_all_used():
    assert big_cores({0: 24, 1: 24}, 1) is None
    assert big_cores({}, 1) is None
