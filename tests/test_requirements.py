"""Versions that a device gets, of those that have wheels for it."""

from pathlib import PurePosixPath

from bench.devices.machine import Machine
from bench.devices.provision.requirements import select, versions_here

PI = Machine(
    name="pi4",
    machine="aarch64",
    kernel_machine="aarch64",
    python=PurePosixPath("/usr/bin/python3"),
    python_version=(3, 11, 2),
    libc="glibc",
    libc_version=(2, 36),
    cache=PurePosixPath("/home/pi/.cache/mobilenet-deploy"),
    free_bytes=10**10,
)
HERE = {"litert": "2.3", "tflite-runtime": "2.14", "onnxruntime": "1.31", "numpy": "1.26.4"}
ALL = {
    "litert": ["2.4", "2.3"],
    "tflite-runtime": ["2.14"],
    "onnxruntime": ["1.32", "1.31"],
    "numpy": ["2.5", "1.26.4", "1.24"],
}


def selected(preferred=HERE, **available):
    found = {**ALL, **{name.replace("_", "-"): has for name, has in available.items()}}
    return select(found.__getitem__, preferred, PI)


def test_the_versions_of_this_machine_are_preferred_to_newer_ones():
    assert selected().versions == HERE
    assert selected().notes == ()
    assert "numpy==1.26.4" in selected().requirements


def test_the_newest_is_taken_where_this_machines_version_has_no_wheel():
    chosen = selected(onnxruntime=["1.19.2", "1.18"])
    assert chosen.versions["onnxruntime"] == "1.19.2"
    note = "onnxruntime 1.31 has no wheel for Python 3.11 on aarch64; 1.19.2 instead"
    assert chosen.notes == (note,)


def test_a_runtime_without_wheels_is_left_out_and_noted():
    chosen = selected(litert=[])
    assert set(chosen.versions) == {"numpy", "tflite-runtime", "onnxruntime"}
    assert chosen.notes == ("litert has no wheel for Python 3.11 on aarch64",)


def test_a_runtime_that_is_not_installed_here_comes_as_the_newest_without_a_note():
    chosen = selected({**HERE, "litert": None})
    assert (chosen.versions["litert"], chosen.notes) == ("2.4", ())


def test_numpy_stays_below_2_beside_tflite_runtime_only():
    without = {**HERE, "numpy": "1.0"}
    assert selected(without).versions["numpy"] == "1.26.4"
    assert selected(without, tflite_runtime=[]).versions["numpy"] == "2.5"


def test_tflite_runtime_is_left_out_where_numpy_below_2_has_no_wheel():
    chosen = selected(numpy=["2.5", "2.4"])
    assert "tflite-runtime" not in chosen.versions
    assert chosen.versions["numpy"] == "2.5"
    assert any("tflite-runtime needs numpy < 2" in note for note in chosen.notes)


def test_without_numpy_nothing_else_is_asked_for():
    asked = []
    assert select(lambda name: asked.append(name) or [], HERE, PI) is None
    assert asked == ["numpy"]


def test_this_machines_versions_are_those_that_its_runs_record():
    from bench.on_device.machine_facts import read_environment

    here = {name: version for name, version in versions_here().items() if version}
    assert here == read_environment()["versions"]
