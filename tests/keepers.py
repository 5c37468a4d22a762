"""Keepers, and what runs under their lock, in a folder of this machine."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

from native_runner import built_runner

from bench.devices.lease.lease_command import lease_command
from bench.on_device import lease_agent

KEEPER = Path(lease_agent.__file__)
KINDS = ("python", "native")
STARTED = []


def keeper_words(kind):
    """What starts a keeper of that kind, one of KINDS; its folder follows."""
    if kind == "native":
        return (str(built_runner()), "--lease")
    return (sys.executable, "-I", str(KEEPER))


class Keeper:
    """A keeper as a process. ``by``: the words of what starts it, when not it alone."""

    def __init__(self, cache, kind, owner="ann", silence_s=60, by=(), environment=None):
        command = [*by, *keeper_words(kind), str(cache), str(silence_s)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self.say(json.dumps({"owner": owner}))

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def event(self):
        """The next thing it says; None at its end."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, line):
        self.say(line)
        return self.event()

    def code(self):
        return self.process.wait(timeout=30)

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
    """What a failed test leaves running would disturb the next."""
    while STARTED:
        process = STARTED.pop()
        for pid in living(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def start_ready(cache, name, source, **options):
    """Python doing ``source``, which has said that it is ready when this returns."""
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
