"""The commands that are installed, ``mobilenet-export`` and its like: each is a package, isolated.

Python puts PYTHONPATH and, for its children, the folder that it was started in ahead: a bench.py or
a random.py of a user's own there would run instead of what is meant. This name is ours alone, and
what it imports is built into Python, until that is started again without those (-I).
"""

import _signal
import os
import sys


def export() -> None:
    """``mobilenet-export``."""
    _run("export")


def quantize() -> None:
    """``mobilenet-quantize``."""
    _run("quantize")


def bench() -> None:
    """``mobilenet-bench``."""
    _run("bench")


def gate() -> None:
    """``mobilenet-gate``: ``mobilenet-bench gate``."""
    _run("bench", "gate")


def _run(package: str, *words: str) -> None:
    command = [sys.executable, "-I", "-m", package, *words, *sys.argv[1:]]
    if os.name != "posix":
        sys.exit(os.spawnv(os.P_WAIT, sys.executable, command))
    # A Ctrl-C while Python starts would be a traceback; it waits until the program listens.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT})
    os.execv(sys.executable, command)
