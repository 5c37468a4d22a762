"""Explanation of a phone that adb cannot reach, with advice."""

import re

# By the state that adb lists; ``{serial}`` is the phone's.
STATES = {
    "unauthorized": (
        "has not allowed this computer to debug it; accept the question on the phone's screen "
        "(run adb kill-server if it does not come)"
    ),
    "authorizing": "is still being asked to allow this computer; try again",
    "connecting": "is still being connected; try again",
    "offline": (
        "is offline; unplug its cable, or switch its Wi-Fi off, and connect it again, or run adb "
        "reconnect offline"
    ),
    "no permissions": (
        "is there, but this user may not open it; add udev rules (sudo apt install "
        "android-sdk-platform-tools-common; sudo usermod -aG plugdev $USER), log in again and plug "
        "it in again"
    ),
    "recovery": "is in recovery mode; run adb -s '{serial}' reboot",
    "rescue": "is in rescue mode; run adb -s '{serial}' reboot",
    "sideload": "waits for a sideload; run adb -s '{serial}' reboot",
    "bootloader": "is in its bootloader; run fastboot reboot",
    "host": "is another computer's adb, not a phone; connect a phone",
    "detached": "was detached from adb; run adb -s '{serial}' attach",
    "unknown": "is in a state unknown to adb; unplug it and connect it again",
}
NO_PHONE = (
    "adb lists no phone; connect one by USB, switch USB debugging on there (Settings, Developer "
    "options), accept the question on its screen, and run adb devices to see it"
)
# What ``adb connect`` says, which exits 0 all the same.
CONNECTED = re.compile(r"^(already )?connected to ", re.MULTILINE)
NOT_CONNECTED = (
    (
        r"authenticate",
        "has not allowed this computer to debug it; accept the question on the phone's screen",
    ),
    (
        r"resolve host|Name or service not known",
        "is an unknown host name; is it spelled right, and the phone on the network?",
    ),
    (
        r"Connection refused",
        "refuses connections; is wireless debugging on there, at this port? (over USB, run adb "
        "tcpip 5555 once)",
    ),
    (
        r"timed out|No route to host|unreachable",
        "does not answer; is the phone on this network, and its wireless debugging on?",
    ),
    (r"port number|empty address|bad port", "is no address; expected host:port"),
)
OTHERWISE = "cannot be connected to; run adb connect '{serial}' to see why"


def state_explained(serial: str, state: str) -> str:
    """In one line, why a phone in ``state``, as ``adb devices`` names it, cannot be used."""
    advice = next((text for name, text in STATES.items() if state.startswith(name)), None)
    if advice is None:
        return (
            f"{serial} is in the state {state!r}; expected 'device'; unplug it and connect it again"
        )
    return f"{serial} {advice.format(serial=serial)}"


def silent_explained(serial: str, state: str) -> str:
    """In one line, why host:port ``serial`` cannot be used, which takes connections and stays in
    ``state``."""
    return (
        f"nothing at {serial} answers as a phone does: it stays {state}; expected the address that "
        "its wireless debugging shows; a board that is reached over ssh is named in devices.toml"
    )


def connect_explained(serial: str, output: str) -> str:
    """In one line, why ``adb connect`` to host:port ``serial`` failed."""
    found = (text for pattern, text in NOT_CONNECTED if re.search(pattern, output))
    advice = next(found, OTHERWISE).format(serial=serial)
    last = " ".join(output.split())
    return f"{serial} {advice}{f' (adb said: {last})' if last else ''}"
