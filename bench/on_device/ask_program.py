"""Another program that tells of the machine, asked within one time limit."""

import contextlib
import os
import select
import signal
import subprocess
import time

from bench.on_device.system_files import ASKING_S

MOST_BYTES = 2**20  # nothing that is asked here says as much
BLOCK_BYTES = 65536


class NoAnswer(Exception):
    """It had not ended in time."""


def ask(command):
    """The output of ``command``; None where it cannot be started, fails, or prints more than
    MOST_BYTES. NoAnswer where it has not ended within ASKING_S: it is killed, with what it started,
    and not waited for, since a program that a driver holds cannot even be killed."""
    nothing = subprocess.DEVNULL
    try:
        asked = subprocess.Popen(
            command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing, start_new_session=True
        )
    except OSError:
        return None
    end = time.monotonic() + ASKING_S
    said = None
    try:
        said = read_until(asked.stdout, end)
        if said is not None:
            asked.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        said = None
    finally:
        asked.stdout.close()
        if said is None:
            with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
                os.killpg(asked.pid, signal.SIGKILL)
    if said is None and time.monotonic() >= end:
        raise NoAnswer(command[0])
    return said.decode(errors="replace") if said is not None and asked.returncode == 0 else None


def read_until(source, end):
    """All that comes until the end of ``source``; None where ``end`` is earlier, or it is more than
    MOST_BYTES."""
    said = bytearray()
    while len(said) <= MOST_BYTES:
        if not select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
            return None
        block = os.read(source.fileno(), BLOCK_BYTES)
        if not block:
            return bytes(said)
        said += block
    return None
