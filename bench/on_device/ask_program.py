"""Another program that tells of the machine, asked within one time limit."""

import contextlib
import os
import signal
import subprocess

from bench.on_device.system_files import ASKING_S


class NoAnswer(Exception):
    """It had not ended in time."""


def ask(command):
    """What ``command`` prints; None where it cannot be started or fails. NoAnswer where it has not
    ended within ASKING_S: it is killed, with what it started, and not waited for, since a program
    that a driver holds cannot even be killed."""
    nothing = subprocess.DEVNULL
    try:
        asked = subprocess.Popen(
            command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing, start_new_session=True
        )
    except OSError:
        return None
    try:
        said, _ = asked.communicate(timeout=ASKING_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
            os.killpg(asked.pid, signal.SIGKILL)
        asked.stdout.close()
        raise NoAnswer(command[0]) from None
    return said.decode(errors="replace") if asked.returncode == 0 else None
