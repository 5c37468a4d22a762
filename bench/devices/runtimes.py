"""Runtimes that files are measured in on a device."""

from collections.abc import Sequence

from bench.devices.settings import HOST, DeviceSettings
from bench.measurement.job import NATIVE
from models.command_line.errors import RequestError
from quantize.runtime.names import IN_PYTHON

PYTHON = tuple(name for known in IN_PYTHON.values() for name in known)
# By transport. A phone has the native runner alone.
USUAL = {HOST: PYTHON, "ssh": PYTHON, "adb": ("litert", "litert-builtin", "onnxruntime")}
# Through the C API of LiteRT, which is the native runner's, these kernels have one thread.
OF_ONE_THREAD = {"adb": ("litert-builtin",)}


def runtimes_on(device: DeviceSettings, wanted: Sequence[str], threads: int) -> tuple[str, ...]:
    """The runtimes that are ``wanted`` by name, whether or not the device has them; else the usual.

    RequestError for the native runner of this machine on another device.
    """
    for name in wanted:
        if name in NATIVE and device.transport != HOST:
            raise RequestError(
                f"RUNTIMES has {name!r}, which is for DEVICE={HOST} alone; for {device.name} "
                f"expected {NATIVE[name]!r}"
            )
    alone = OF_ONE_THREAD.get(device.transport, ()) if threads > 1 else ()
    return tuple(wanted) or tuple(n for n in USUAL[device.transport] if n not in alone)
