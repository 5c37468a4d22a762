"""The ``adb`` program of this machine, asked one thing at a time."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from bench.devices.transport.process import communicated, running
from models.command_line.errors import DeviceError

# A Subsystem for Linux may have that of its Windows alone, which knows the phones on USB.
NAMES = ("adb", "adb.exe")
# Starting its server takes adb a second, with a phone on USB up to four.
ASKED_S = 15.0


@dataclass(frozen=True)
class Answer:
    """Output of adb, standard and then error, and its exit code, which it leaves 0 after some
    errors."""

    code: int
    output: str


def ask_adb(words: Sequence[str], stopped: threading.Event) -> Answer:
    """``adb words``, which starts adb's server if none runs. DeviceError where there is no adb, or
    it does not answer."""
    program = adb_program()
    # Files: a server that is started here would keep a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with running([program, *words], subprocess.DEVNULL, output, errors=errors) as process:
            try:
                communicated(process, None, ASKED_S, stopped)
            except subprocess.TimeoutExpired as error:
                raise DeviceError(
                    f"adb {words[0]} did not end within {ASKED_S:g} s: its server hangs; run adb "
                    "kill-server, or pkill -KILL -x adb where that hangs too, and try again"
                ) from error
        text = _content(output) + _content(errors)
        # adb.exe, which serves a Subsystem for Linux too, ends lines as Windows does.
        return Answer(process.returncode, "\n".join(text.splitlines()) + "\n")


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def adb_program() -> str:
    """The name that starts adb; DeviceError where there is none."""
    for name in NAMES:
        if shutil.which(name):
            return name
    raise DeviceError(
        "no adb on this machine; run sudo apt install adb, or install Android's platform-tools"
    )


def has_adb() -> bool:
    return any(map(shutil.which, NAMES))
