"""Facts that an Android phone tells of itself: kinds of programs, cores, cache folder, battery."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from bench.devices.settings import DeviceSettings
from bench.devices.transport.transport import Transport
from bench.measurement.environment import Battery
from models.command_line.errors import DeviceError, RequestError

PROBE_S = 60.0
CACHE = "/data/local/tmp/mobilenet-deploy"
CORES = "/sys/devices/system/cpu"
PLUGS = {"AC": "AC", "USB": "USB", "Wireless": "wireless", "Dock": "dock"}
# What ends a folder in the list of libraries' folders, for the loader that the runner brings along.
SEPARATORS = ":;"
WHOLE = re.compile(r"-?[0-9]{1,9}")  # more digits are nothing that a phone can mean
# Fields end with NUL. A core that sleeps has no cpufreq folder, or one that tells what was, so each
# is named, and asked whether it is on.
PROBE = r"""
field() { printf '%s=%s\0' "$1" "$2"; }
field abis "$(getprop ro.product.cpu.abilist)"
field release "$(getprop ro.build.version.release)"
for file in "$2"/cpu[0-9]*/cpufreq/cpuinfo_max_freq; do
    core=${file%/cpufreq/*}
    [ "$(cat "$core/online" 2> /dev/null)" != 0 ] || continue
    khz=$(cat "$file" 2> /dev/null) || continue
    field "khz ${core##*/cpu}" "$khz"
done
folder=$1
while [ ! -e "$folder" ]; do folder=${folder%/*}; folder=${folder:-/}; done
field parent "$folder"
if [ -d "$folder" ] && [ -w "$folder" ] && [ -x "$folder" ]; then field writable 1; fi
"""


@dataclass(frozen=True)
class PhoneFacts:
    """``abis``: those it runs, the best first, as "arm64-v8a". ``release``: of Android, "14".
    ``max_khz``: the highest frequency of each core that tells. ``cache``: the folder for our files.
    """

    abis: tuple[str, ...]
    release: str
    max_khz: dict[int, int]
    cache: PurePosixPath


def phone_facts(transport: Transport, settings: DeviceSettings) -> PhoneFacts:
    """Ask a connected phone what it is; nothing is written there.

    RequestError where ``settings.cache`` cannot be the folder there; DeviceError unless it is an
    Android on which that folder can be made.
    """
    cache = PurePosixPath(settings.cache or CACHE)
    if not cache.is_absolute() or ".." in cache.parts:
        raise RequestError(
            f"{settings.name}: cache is {settings.cache!r}; expected an absolute path on the "
            f"phone, e.g. {CACHE}"
        )
    if cache in PurePosixPath(CACHE).parents:
        raise RequestError(
            f"{settings.name}: cache is {settings.cache!r}, where other things are, which "
            f"device-clean may remove; expected a folder of its own, e.g. {CACHE}"
        )
    if any(mark in str(cache) for mark in SEPARATORS):
        raise RequestError(
            f"{settings.name}: cache is {settings.cache!r}; expected a path without ':' and ';', "
            f"which separate the folders of a library search path, e.g. {CACHE}"
        )
    output = transport.run_check(["sh", "-c", PROBE, "sh", cache, CORES], PROBE_S)
    fields = dict(f.split("=", 1) for f in output.decode(errors="replace").split("\0") if "=" in f)
    if not fields.get("abis"):
        raise DeviceError(
            f"{settings.name} is not an Android phone: getprop ro.product.cpu.abilist says nothing "
            'there; for another Linux use transport = "ssh" in devices.toml'
        )
    if "writable" not in fields:
        raise DeviceError(
            f"{settings.name}: {cache} cannot be made: {fields.get('parent')!r} does not let us "
            f"write; expected a folder below /data/local/tmp as cache in devices.toml"
        )
    pairs = [(k.removeprefix("khz "), v) for k, v in fields.items() if k.startswith("khz ")]
    khz = {int(k): int(v) for k, v in pairs if WHOLE.fullmatch(k) and WHOLE.fullmatch(v)}
    return PhoneFacts(
        tuple(fields["abis"].split(",")),
        fields.get("release", ""),
        dict(sorted(khz.items())),
        cache,
    )


def big_cores(max_khz: dict[int, int], threads: int) -> tuple[int, ...] | None:
    """The cores with the highest frequency, as many kinds as ``threads`` threads need; None where
    the phone does not tell, or has cores of one kind alone."""
    if len(set(max_khz.values())) < 2:
        return None
    chosen: list[int] = []
    for khz in sorted(set(max_khz.values()), reverse=True):
        chosen += [core for core, most in max_khz.items() if most == khz]
        if len(chosen) >= threads:
            break
    return tuple(sorted(chosen))


def battery(of_battery: str, of_thermalservice: str) -> Battery:
    """From the output of ``dumpsys battery`` and ``dumpsys thermalservice`` (Android 10 and later;
    "" otherwise)."""
    fields = dict(re.findall(r"^\s*([A-Za-z ]+): (.*?)\s*$", of_battery, re.MULTILINE))
    level, scale = _whole(fields.get("level")), _whole(fields.get("scale")) or 100
    tenths = _whole(fields.get("temperature"))
    status = re.search(r"^\s*Thermal Status: ([0-9]{1,9})$", of_thermalservice, re.MULTILINE)
    return Battery(
        None if level is None else round(100 * level / scale),
        _charging(fields),
        None if tenths is None else tenths / 10,
        int(status[1]) if status else None,
    )


def _charging(fields: dict[str, str]) -> str | None:
    told = {name: fields.get(f"{name} powered") for name in PLUGS}
    if not any(told.values()):
        return None
    return ", ".join(PLUGS[name] for name, value in told.items() if value == "true")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and WHOLE.fullmatch(text) else None
