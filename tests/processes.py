"""Processes of this machine, by a mark on their command line."""

import os
import time
from pathlib import Path


def running(mark):
    """Processes that have ``mark`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended since
            if os.fsencode(mark) in words:
                found.append(int(entry.name))
    return found


def is_alive(pid):
    """True if that process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(mark, within_s=60):
    """True if none is left by then."""
    deadline = time.monotonic() + within_s
    while (found := running(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not found


def wait_until(holds, timeout_s=60):
    """Until ``holds()``; an AssertionError where it does not come to that."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)
