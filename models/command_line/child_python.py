"""A module of ours in a child process: with this Python and this code, and ended with its parent.

``python -m models.reference`` would run a ``models.py`` of the folder that it is started in, and
what PYTHONPATH and the user's own packages put ahead. Isolated (-I) it sees neither, and finds our
packages where the parent's came from.
"""

import os
import runpy
import sys
from pathlib import Path

from models.command_line.parent_process import end_with

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from models.command_line.child_python import run; run()"
)


def module_command(module: str, *words: str) -> list[str]:
    """The command line of ``module`` with the arguments ``words``."""
    return [sys.executable, "-I", "-c", START, str(ROOT), str(os.getpid()), module, *words]


def run() -> None:
    """The child: run the module that the command line names."""
    parent, module = int(sys.argv.pop(1)), sys.argv.pop(1)
    end_with(parent)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
