"""A module of ours in a child process: with this Python and this code, and ended with its parent.

``python -m models.reference`` would run a ``models.py`` of the folder that it is started in, and
what PYTHONPATH and the user's own packages put ahead. Isolated (-I) it sees neither, and finds our
packages where the parent's came from.
"""

import os
import runpy
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from models.command_line.child_python import run; run()"
)
LOOK_S = 0.5  # between two looks at the parent


def module_command(module: str, *words: str) -> list[str]:
    """The command line of ``module`` with the arguments ``words``."""
    return [sys.executable, "-I", "-c", START, str(ROOT), str(os.getpid()), module, *words]


def run() -> None:
    """The child: run the module that the command line names."""
    parent, module = int(sys.argv.pop(1)), sys.argv.pop(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(parent: int) -> None:
    """End this process when its parent is another: the parent was killed, and nobody waits."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
