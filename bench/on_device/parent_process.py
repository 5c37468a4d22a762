"""The process that started the runner on this machine, and the runner's end together with it."""

import os
import signal
import sys

from bench.on_device.job_error import OTHER_EXIT_CODE

PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def end_with(parent):
    """End this process when ``parent``, which has started it, has ended: killed, it cannot say so,
    and what runs for minutes would go on for nobody. Only Linux can do that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it had ended before that
        sys.exit(OTHER_EXIT_CODE)
