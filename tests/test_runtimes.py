"""Runtimes in which a device's files are measured."""

import pytest

from bench.devices.open_devices import THIS_MACHINE
from bench.devices.runtimes import PYTHON, runtimes_on
from bench.devices.settings import DeviceSettings
from bench.engine.turn_groups import FOOTPRINTS
from bench.measurement.job import NATIVE, RUNTIMES
from models.command_line.errors import RequestError

BOARD = DeviceSettings("pi4", "ssh", "pi@nowhere")
PHONE = DeviceSettings("android", "adb", "")


def test_by_default_a_device_is_measured_in_what_such_a_device_has():
    assert runtimes_on(THIS_MACHINE, (), 2) == runtimes_on(BOARD, (), 2) == PYTHON
    assert set(PYTHON) == {"litert", "litert-builtin", "tflite-runtime", "onnxruntime"}
    assert runtimes_on(PHONE, (), 2) == ("litert", "onnxruntime")
    assert runtimes_on(PHONE, (), 1) == ("litert", "litert-builtin", "onnxruntime")


def test_what_a_person_names_is_tried_whether_or_not_the_device_has_it():
    wanted = ("litert-gpu", "tflite-runtime", "litert-builtin")
    for device in (THIS_MACHINE, BOARD, PHONE):
        assert runtimes_on(device, wanted, 4) == wanted


@pytest.mark.parametrize("device", [BOARD, PHONE])
def test_the_native_runner_of_this_machine_is_not_that_of_another(device):
    assert runtimes_on(THIS_MACHINE, tuple(NATIVE), 2) == tuple(NATIVE)
    with pytest.raises(RequestError, match=r"for DEVICE=host alone; for .* expected 'onnxruntime'"):
        runtimes_on(device, ("litert", "onnxruntime-native"), 2)


def test_the_memory_of_every_runtime_is_estimated():
    assert set(FOOTPRINTS) == {name for names in RUNTIMES.values() for name in names}
