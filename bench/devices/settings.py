"""The user's devices: devices.toml, a table for each."""

from dataclasses import dataclass, fields
from pathlib import Path

from models import toml_file
from models.command_line.errors import RequestError

DEVICES_FILE = Path("devices.toml")
EXAMPLE = "devices.example.toml"
SSH, ADB = TRANSPORTS = ("ssh", "adb")
# Settings that only one of them has.
ONLY = {"host": SSH, "ssh_config": SSH, "python": SSH, "serial": ADB}
HOST = "host"


@dataclass(frozen=True)
class DeviceSettings:
    """One device. "": the default.

    ``host`` is what a person writes after ``ssh``; ``ssh_config`` a configuration file instead of
    the user's own; ``python`` the device's Python; ``serial`` what ``adb devices`` lists a phone
    as, or its host:port, "" the only phone there is; ``cache`` the folder there that everything
    goes to; ``emulated`` says that its times mean nothing.
    """

    name: str
    transport: str
    host: str = ""
    ssh_config: str = ""
    python: str = "python3"
    cache: str = ""
    emulated: bool = False
    serial: str = ""


def read_devices(path: Path = DEVICES_FILE) -> dict[str, DeviceSettings]:
    """The devices of ``path`` by name, none where there is no such file; RequestError, with what
    was found and expected, where it is no such file as it should be."""
    try:
        raw = toml_file.read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read: {error}; {EXAMPLE} shows one") from error
    return {name: _settings(path, name, table) for name, table in raw.items()}


def _settings(path: Path, name: str, table: object) -> DeviceSettings:
    where = f"{path}: [{name}]" if name.isprintable() else f"{path}: {name!r}"
    if not isinstance(table, dict):
        raise RequestError(f"{path} has {name!r} outside of a table; {EXAMPLE} shows one")
    if name == HOST or not name.strip() or "," in name or not name.isprintable():
        raise RequestError(
            f"{where} cannot be a device's name; expected printable characters without a comma, "
            f"and not {HOST!r}, which is this machine"
        )
    kinds = {field.name: field.type for field in fields(DeviceSettings) if field.name != "name"}
    for key, value in table.items():
        if key not in kinds:
            raise RequestError(f"{where} has {key!r}; expected some of: {' '.join(kinds)}")
        if not isinstance(value, kinds[key]):
            raise RequestError(f"{where} {key} is {value!r}; expected a {kinds[key].__name__}")
        if "\0" in str(value):
            raise RequestError(f"{where} {key} is {value!r}; expected a text without NUL")
    transport = table.get("transport")
    if transport not in TRANSPORTS:
        raise RequestError(
            f"{where} transport is {transport!r}; expected one of: {' '.join(TRANSPORTS)}"
        )
    for key in table:
        if ONLY.get(key, transport) != transport:
            raise RequestError(
                f'{where} has {key!r}, which transport = "{ONLY[key]}" has, and not "{transport}"; '
                "remove it"
            )
    if transport == SSH and not table.get("host"):
        raise RequestError(
            f'{where} has no host; write, for example, host = "pi@raspberrypi.local"'
        )
    if not table.get("serial", "").isprintable():
        raise RequestError(
            f"{where} serial is {table['serial']!r}; expected one that adb devices lists"
        )
    return DeviceSettings(name, **{key: value for key, value in table.items() if value != ""})
