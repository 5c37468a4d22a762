"""The process that started this one, and the end of both together."""

import os
import signal
import sys
import threading
import time

from models.command_line.errors import DeviceError

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
LOOK_S = 0.5  # between two looks at the parent, where the system does not tell


def end_with(parent: int) -> None:
    """End this process as soon as ``parent``, which has started it, has ended: killed, it cannot
    say so, and what it wanted is wanted by nobody."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_wait_for_its_end, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it had ended before that
        sys.exit(DeviceError.exit_code)


def _wait_for_its_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(DeviceError.exit_code)
