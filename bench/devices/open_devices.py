"""The devices that DEVICE names, opened."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from bench.devices.device import Device
from bench.devices.host import Host
from bench.devices.platform import Platform
from bench.devices.settings import (
    ADB,
    DEVICES_FILE,
    EXAMPLE,
    HOST,
    SSH,
    DeviceSettings,
    read_devices,
)
from bench.devices.transport.transport import Transport
from models.command_line.errors import DeviceError, RequestError
from models.command_line.progress import note

THIS_MACHINE = DeviceSettings(HOST, HOST)
ANDROID = "android"


def _ssh(settings: DeviceSettings) -> Transport:
    from bench.devices.transport.ssh import Ssh

    return Ssh(settings)


def _adb(settings: DeviceSettings) -> Transport:
    from bench.devices.transport.adb import Adb

    return Adb(settings)


def _board(settings: DeviceSettings, transport: Transport) -> Platform:
    from bench.devices.board import Board

    return Board(settings, transport)


def _phone(settings: DeviceSettings, transport: Transport) -> Platform:
    from bench.devices.phone import Phone

    return Phone(settings, transport)


def _remote(settings: DeviceSettings) -> AbstractContextManager[Device]:
    from bench.devices.remote_device import RemoteDevice

    return RemoteDevice(settings, *open_platform(settings), note)


TRANSPORTS: dict[str, Callable[[DeviceSettings], Transport]] = {SSH: _ssh, ADB: _adb}
PLATFORMS: dict[str, Callable[[DeviceSettings, Transport], Platform]] = {
    SSH: _board, ADB: _phone,
}  # fmt: skip
# What is entered to have a device, by its transport: this machine needs none.
OPENED_BY: dict[str, Callable[[DeviceSettings], AbstractContextManager[Device]]] = {
    HOST: lambda settings: nullcontext(Host()),
    **dict.fromkeys(TRANSPORTS, _remote),
}


def open_platform(settings: DeviceSettings) -> tuple[Transport, Platform]:
    """The connection to a device, not opened yet, and its platform."""
    transport = TRANSPORTS[settings.transport](settings)
    return transport, PLATFORMS[settings.transport](settings, transport)


@contextmanager
def open_devices(chosen: Iterable[DeviceSettings]) -> Iterator[list[Device]]:
    """The devices of these settings, in their order, until the block ends.

    They are opened one after the other, since ssh may ask for a password. DeviceError where one
    cannot be opened, which it names, and on Windows; those that were are closed again.
    """
    if not hasattr(os, "killpg"):
        raise DeviceError(
            "this system has no process groups; measuring needs Linux or macOS, on Windows its "
            "Subsystem for Linux"
        )
    with ExitStack() as opened:
        yield [_entered(opened, settings) for settings in chosen]


def named(text: str) -> list[DeviceSettings]:
    """The devices of the comma-separated names in ``text``, in its order; RequestError for an
    unknown name, or one that is there twice."""
    only_phone = DeviceSettings(ANDROID, ADB)
    known = {HOST: THIS_MACHINE, ANDROID: only_phone, **read_devices()}
    names = [name.strip() for name in text.split(",")]
    for n, name in enumerate(names):
        if name not in known:
            known[name] = _listed_phone(name, known)
        if name in names[:n]:
            raise RequestError(f"DEVICE has {name!r} twice; expected each device once")
    return [known[name] for name in names]


def _listed_phone(name: str, known: Iterable[str]) -> DeviceSettings:
    """The phone that adb lists as ``name``, or reaches at it; RequestError otherwise. Nothing else
    asks adb, which leaves a server running."""
    from bench.devices.transport.adb_phones import is_address, phones
    from bench.devices.transport.adb_program import has_adb

    serials, told = [], ""
    if name.isprintable() and name:
        if is_address(name):
            return DeviceSettings(name, ADB, serial=name)
        try:
            serials = [phone.serial for phone in phones()] if has_adb() else []
        except DeviceError as error:
            told = f" (phones are not known: {error})"
        if name in serials:
            return DeviceSettings(name, ADB, serial=name)
    raise RequestError(
        f"DEVICE is {name!r}; expected one of: {', '.join([*known, *serials])}{told}; others are "
        f"described in {DEVICES_FILE}; see {EXAMPLE}"
    )


def one_named(text: str) -> DeviceSettings:
    """The one device that ``text`` names; RequestError where it names several."""
    first, *more = named(text)
    if more:
        raise RequestError(
            f"DEVICE is {text!r}; expected one device alone for this command, e.g. "
            f"DEVICE={first.name}"
        )
    return first


def _entered(opened: ExitStack, settings: DeviceSettings) -> Device:
    try:
        return opened.enter_context(OPENED_BY[settings.transport](settings))
    except DeviceError as error:
        raise DeviceError(f"DEVICE={settings.name} cannot be used: {error}") from error
