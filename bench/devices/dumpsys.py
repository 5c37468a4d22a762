"""What Android's services print about the battery and about heat."""

import re

from bench.measurement.battery import Battery

PLUGS = {"AC": "AC", "USB": "USB", "Wireless": "wireless", "Dock": "dock"}


def battery(of_battery: str, of_thermalservice: str) -> Battery:
    """From the output of ``dumpsys battery`` and ``dumpsys thermalservice`` (Android 10 and later;
    "" otherwise)."""
    fields = dict(re.findall(r"^\s*([A-Za-z ]+): (.*?)\s*$", of_battery, re.MULTILINE))
    level, scale = _whole(fields.get("level")), _whole(fields.get("scale")) or 100
    tenths = _whole(fields.get("temperature"))
    status = re.search(r"^\s*Thermal Status: (\d+)", of_thermalservice, re.MULTILINE)
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
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None
