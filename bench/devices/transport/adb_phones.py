"""The phones that adb lists, and the one that is meant."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.devices.transport.adb_failure import (
    CONNECTED,
    NO_PHONE,
    STATES,
    connect_explained,
    silent_explained,
    state_explained,
)
from bench.devices.transport.adb_program import ask_adb
from models.command_line.errors import DeviceError

LOOK_S = 0.2
QUOTED_CHARACTERS = 300
READY = "device"
HEADING = "List of devices attached"
# States that a phone leaves by itself, or when its owner accepts the question on its screen.
PASSING = ("offline", "unauthorized", "authorizing", "connecting")
# States of such phones, which nothing has spoken adb with yet.
SILENT = ("offline", "connecting")
# A serial may have spaces, and so may a state: what comes after them is "word:word", or a USB path.
STATE = "|".join([READY, *STATES]).replace("no permissions", "no permissions.*?")
ABOUT = r"(?P<about>(\s+[\w-]+:\S*|\s+\d[\d.-]*X?)*)\s*"
LINE = re.compile(rf"(?P<serial>.+?)\s+(?P<state>{STATE}){ABOUT}")
# Another version of adb may have another state, in one word.
OTHER_LINE = re.compile(rf"(?P<serial>.+?)\s+(?P<state>\S+){ABOUT}")
MODEL = re.compile(r"\smodel:(\S+)")
ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]]+):\d{1,5}")


@dataclass(frozen=True)
class Phone:
    """A line of ``adb devices -l``. ``model`` is "" where it does not tell."""

    serial: str
    state: str
    model: str = ""

    def __str__(self) -> str:
        about = ", ".join(word for word in (self.model, self.state) if word and word != READY)
        return f"{self.serial} ({about})" if about else self.serial


def phones(stopped: threading.Event | None = None) -> list[Phone]:
    """The phones that adb lists. DeviceError where there is no adb, or it does not answer."""
    answer = ask_adb(["devices", "-l"], stopped or threading.Event())
    if answer.code or HEADING not in answer.output.splitlines():
        words = " ".join(answer.output.split())[:QUOTED_CHARACTERS] or "nothing"
        raise DeviceError(f"adb devices failed: {words}; is that Android's adb?")
    return listed(answer.output)


def listed(output: str) -> list[Phone]:
    """The phones in what ``adb devices -l`` wrote."""
    lines = output.splitlines()
    lines = lines[lines.index(HEADING) + 1 :] if HEADING in lines else []
    lines = lines[: lines.index("")] if "" in lines else lines  # then what adb says of itself
    found = [LINE.fullmatch(line) or OTHER_LINE.fullmatch(line) for line in lines]
    return [_phone(match) for match in found if match]


def is_address(serial: str) -> bool:
    """True for a host:port, which adb can connect to."""
    return ADDRESS.fullmatch(serial) is not None


def chosen(serial: str, found: Sequence[Phone]) -> Phone:
    """The phone ``serial``, or the only one for "". DeviceError, with what is there, otherwise."""
    names = ", ".join(map(str, found))
    if not serial:
        if not found:
            raise DeviceError(NO_PHONE)
        if len(found) > 1:
            raise DeviceError(
                f"adb lists {len(found)} phones: {names}; choose one, e.g. DEVICE={found[0].serial}"
            )
        return found[0]
    for phone in found:
        if phone.serial == serial:
            return phone
    raise DeviceError(
        f"adb lists no phone {serial!r}; "
        + (f"expected one of: {names}; is its cable in?" if names else NO_PHONE)
    )


def ready_phone(serial: str, within_s: float, stopped: threading.Event) -> Phone:
    """The phone that ``chosen`` names, when it can be used; one at a host:port is connected to.

    DeviceError, with what to do, where it cannot within ``within_s``. An address at which nothing
    speaks adb is not left among the phones that adb lists.
    """
    deadline_s = time.monotonic() + within_s
    before = [phone.state for phone in phones(stopped) if phone.serial == serial]
    is_new, state = is_address(serial) and not before, SILENT[0]
    try:
        if is_address(serial) and before != [READY]:
            _connect(serial, before, stopped)
        while (phone := chosen(serial, phones(stopped))).state != READY:
            state = phone.state
            if state not in PASSING or time.monotonic() > deadline_s:
                explained = silent_explained if is_new and state in SILENT else state_explained
                raise DeviceError(explained(phone.serial, state))
            if stopped.wait(LOOK_S):
                raise DeviceError("it was told to stop")
    except BaseException:  # Ctrl-C too
        if is_new and state in SILENT:
            forget(serial, threading.Event())
        raise
    return phone


def forget(serial: str, stopped: threading.Event) -> None:
    """Let adb, which takes a phone that is silent for one that is there, connect to it anew."""
    # What is reached through a network is connected to by whoever wants it.
    words = ["disconnect", serial] if is_address(serial) else ["-s", serial, "reconnect"]
    ask_adb(words, stopped)


def _connect(serial: str, before: Sequence[str], stopped: threading.Event) -> None:
    """``adb connect``, which calls one that it has lost "already connected"; it had these states
    ``before``."""
    if before == ["offline"]:
        forget(serial, stopped)
    output = ask_adb(["connect", serial], stopped).output
    if not CONNECTED.search(output) and serial not in [each.serial for each in phones(stopped)]:
        raise DeviceError(connect_explained(serial, output))


def _phone(match: re.Match) -> Phone:
    model = MODEL.search(match["about"])
    return Phone(match["serial"].strip(), match["state"], model[1] if model else "")
