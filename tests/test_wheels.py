"""Wheels downloaded here for another machine: by the real pip, from folders of made ones."""

import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from made_wheels import write_wheel
from test_requirements import PI

from bench.devices.provision import pip_here
from bench.devices.provision.wheel_metadata import unmet
from bench.devices.provision.wheels import HostWheels, platform_tags
from models.command_line.errors import DeviceError

WANTED = {"numpy": "1.26.4", "onnxruntime": "1.31.1"}
OLD_PI = replace(PI, python_version=(3, 9, 2), libc_version=(2, 31))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only folder that pip here looks for wheels in; what it downloads goes to tmp_path."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_wheel(tmp_path / "index", "numpy", "1.26.4", tag="cp311-cp311-manylinux_2_17_aarch64")
    return tmp_path / "index"


def show(doing, done=0, total=None):
    """Nobody looks."""


def downloaded(machine=PI, wanted=WANTED):
    return [path.name for path in HostWheels(machine, wanted).download(show)]


def test_wheels_are_of_the_machine_that_they_are_for(index):
    for tag in ("cp311-cp311-manylinux_2_28_aarch64", "cp311-cp311-manylinux_2_28_x86_64"):
        write_wheel(index, "onnxruntime", "1.31.1", requires=["numpy>=1.21"], tag=tag)
    assert downloaded() == [
        "numpy-1.26.4-cp311-cp311-manylinux_2_17_aarch64.whl",
        "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_aarch64.whl",
    ]


def test_a_wheel_for_a_newer_c_library_is_not_taken(index):
    write_wheel(index, "onnxruntime", "1.31.1", tag="cp311-cp311-manylinux_2_39_aarch64")
    write_wheel(index, "onnxruntime", "1.19.2", tag="cp311-cp311-manylinux_2_36_aarch64")
    found = HostWheels(PI, WANTED)
    assert found.selection.versions["onnxruntime"] == "1.19.2"
    assert found.selection.notes == (
        "onnxruntime 1.31.1 has no wheel for Python 3.11 on aarch64; 1.19.2 instead",
    )


def test_conditions_of_a_requirement_are_those_of_the_device(index):
    """pip evaluates them for its own Python: this one."""
    write_wheel(index, "numpy", "1.26.4")
    conditions = ["backport; python_version < '3.10'", "numpy<1.25; python_version < '3.10'"]
    write_wheel(index, "onnxruntime", "1.31.1", requires=[*conditions, "extra-one; extra == 'x'"])
    write_wheel(index, "backport", "0.3", requires=["deeper; platform_machine == 'aarch64'"])
    write_wheel(index, "deeper", "7")
    with pytest.raises(DeviceError, match=r"numpy|conflict|Resolution"):
        downloaded(OLD_PI)
    write_wheel(index, "onnxruntime", "1.31.1", requires=conditions[:1])
    names = {name.split("-")[0] for name in downloaded(OLD_PI)}
    assert names == {"numpy", "onnxruntime", "backport", "deeper"}
    assert {name.split("-")[0] for name in downloaded(PI)} == {"numpy", "onnxruntime"}


def test_a_requirement_that_another_version_does_not_meet_is_unmet(tmp_path):
    first = write_wheel(tmp_path, "first", "1", requires=["second>=2", "Third[fast]"])
    second = write_wheel(tmp_path, "second", "1.9")
    assert list(unmet([first, second], PI)) == ["second>=2", "Third[fast]"]


def test_what_is_here_is_not_asked_for_again(index, monkeypatch):
    write_wheel(index, "onnxruntime", "1.19.2")
    before, notes = downloaded(), HostWheels(PI, WANTED).selection.notes
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert downloaded() == before
    assert HostWheels(PI, WANTED).selection.notes == notes
    assert HostWheels(OLD_PI, WANTED).selection is None


def test_two_devices_of_a_kind_download_once(index, monkeypatch):
    write_wheel(index, "onnxruntime", "1.31.1")
    asked, real = [], subprocess.run
    spy = lambda words, **options: asked.append(words) or real(words, **options)  # noqa: E731
    monkeypatch.setattr(pip_here.subprocess, "run", spy)
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: downloaded(), range(3)))
    assert found[0] == found[1] == found[2]
    assert sum("download" in words for words in asked) == 1


def test_a_download_that_was_killed_is_made_again(index):
    write_wheel(index, "onnxruntime", "1.31.1")
    half = HostWheels(PI, WANTED).folder
    half = half.with_name(f"{half.name}.new")
    half.mkdir(parents=True)
    (half / "onnxruntime-1.31.1-py3-none-any.whl").write_bytes(b"half")
    assert all(zipfile.is_zipfile(path) for path in HostWheels(PI, WANTED).download(show))
    assert not half.exists()


def test_indexes_of_a_device_make_wheels_of_its_own(index):
    assert HostWheels(PI, WANTED, ["https://a/"]).folder != HostWheels(PI, WANTED).folder


def test_no_index_here_is_told_in_pips_words(index, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    found = HostWheels(PI, WANTED)
    assert found.selection is None
    assert "numpy" in found.last_words


def test_a_cache_that_cannot_be_written_is_one_line(index, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    with pytest.raises(DeviceError, match=r"cannot be kept in /dev/null/.*; set XDG_CACHE_HOME"):
        downloaded()


@pytest.mark.parametrize(
    ("change", "best", "worst"),
    [
        ({}, "manylinux_2_36_aarch64", "linux_aarch64"),
        ({"machine": "armv7l"}, "manylinux_2_36_armv7l", "linux_armv7l"),
        ({"machine": "armv6l"}, "linux_armv6l", "linux_armv6l"),
        ({"libc": "musl", "libc_version": (1, 2)}, "musllinux_1_2_aarch64", "linux_aarch64"),
        ({"libc": "", "libc_version": ()}, "linux_aarch64", "linux_aarch64"),
    ],
)
def test_platforms_are_those_of_the_devices_python(change, best, worst):
    tags = platform_tags(replace(PI, **change))
    assert (tags[0], tags[-1]) == (best, worst)
    assert ("manylinux_2_17_aarch64" in tags) == (not change)


def test_another_pip_of_the_folder_here_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pip.py").write_text("print('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert pip_here.pip_here(("--version",), 60).stdout.startswith("pip ")


def test_an_old_pip_here_is_refused(index, monkeypatch):
    monkeypatch.setattr(pip_here, "OLDEST_PIP", 10**6)
    with pytest.raises(DeviceError, match=r"has pip [\d.]+, where .* or later .*install -U pip"):
        HostWheels(PI, WANTED).download(show)
