"""A wall clock that jumps for the programs of a test, and for nobody else: libfaketime's.

The library is loaded without the ``faketime`` program, which refuses to start under the process id
of a killed one: that one's semaphore is still there.
"""

import contextlib
import os
from pathlib import Path

import pytest

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
SHARED_MEMORY = Path("/dev/shm")
needs_faketime = pytest.mark.skipif(
    not LIBRARIES, reason="no libfaketime here: sudo apt install faketime"
)


class FakeClock:
    """The clock of all that runs with ``environment``; ``jump("-10y")`` sets it."""

    def __init__(self, file):
        self.file = file
        self.jump("+0")
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name in version 0.9.10
        }

    def jump(self, offset):
        self.file.write_text(offset)


def remove_leftovers():
    """libfaketime keeps two files a process, named by its id, also of one that was killed."""
    for left in SHARED_MEMORY.glob("*faketime_s*_*"):
        pid = left.name.rpartition("_")[2]
        with contextlib.suppress(FileNotFoundError):  # other tests tidy up, too
            if left.stat().st_uid == os.geteuid() and not Path("/proc", pid).exists():
                left.unlink()
