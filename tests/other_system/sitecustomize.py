"""Takes from Python, as it starts, what is there on Linux alone, or not on Windows.

It is found by a folder on PYTHONPATH, so that processes which a command starts lack it, too.
"""

import os
import sys

for module in ("fcntl", "grp", "pty", "pwd", "resource", "termios"):
    sys.modules[module] = None
for name in ("getloadavg", "killpg", "sched_getaffinity", "sched_setaffinity", "statvfs"):
    delattr(os, name)
