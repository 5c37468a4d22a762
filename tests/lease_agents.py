"""Lease agents, and what runs under their lease, in a folder of this machine."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest
from phone_shell import phone_shell

from bench.devices.lease.lease_command import lease_command
from bench.devices.platform import LEASE_AGENT

BUSY, FAILED, CONNECTION_GONE = 4, 3, 5  # its exit codes
SHELLS = [("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh", "toybox")]
# What it writes to a file finds no room, as on a full disk.
NO_ROOM = ("sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh")
STARTED = []


def shell_words(shell, folder):
    """Command that starts the shell, one of SHELLS; mksh has only the tools of toybox, as on a
    phone, which get their names in ``folder``."""
    if shell[0] == "mksh":
        return phone_shell(folder)
    if not shutil.which(shell[0]):
        pytest.skip(f"{shell[0]} is not installed here")
    return shell


def boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Agent:
    """An agent as a process. ``by``: the words of what starts it, when not it alone."""

    def __init__(
        self, cache, shell=("sh",), owner="ann", timeout_s=60, by=(), environment=None,
        file=LEASE_AGENT, shared=(),
    ):  # fmt: skip
        command = [*by, *shell, str(file), str(cache), str(timeout_s), owner, *map(str, shared)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def answer(self):
        """The next thing it says; None at its end."""
        line = self.process.stdout.readline().decode()
        assert not line or line.startswith("lease "), line
        return line.removeprefix("lease ").rstrip("\n") if line else None

    def answers(self, last):
        """Lines of its output up to and including the one that begins with ``last``."""
        found = [self.answer()]
        while found[-1] is not None and not found[-1].startswith(last):
            found.append(self.answer())
        return found

    def ask(self, line):
        self.say(line)
        return self.answer()

    def code(self):
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def start(cache, name, *argv, shell=("sh",), **options):
    """``argv`` running as a device would run it, registered as ``name``."""
    words = lease_command(PurePosixPath(cache), name, argv)
    return begin([*shell, *words[1:]], **options)


def begin(words, **options):
    """A program in a session of its own, which ``end_started`` ends."""
    STARTED.append(subprocess.Popen(words, start_new_session=True, **options))
    return STARTED[-1]


def end_started():
    """Ends what a failed test left running, which would disturb the next."""
    while STARTED:
        process = STARTED.pop()
        for pid in living(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def start_ready(cache, name, source, **options):
    """Python doing ``source``, which is ready when this returns."""
    process = start(cache, name, sys.executable, "-c", source, stdout=subprocess.PIPE, **options)
    assert process.stdout.readline() == b"ready\n"
    return process


def living(session):
    """The processes of a session, by id; zombies are not alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def wait_until(holds, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)
