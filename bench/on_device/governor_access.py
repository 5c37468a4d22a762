"""Permission to set the frequency governor, found out without setting it."""

import os
import shutil

from bench.on_device.ask_program import NoAnswer, ask
from bench.on_device.online_cores import core_folders


def is_governor_settable(root="/sys"):
    """True if this user may set the frequency governor without a password; False without one."""
    files = [
        os.path.join(folder, "cpufreq/scaling_governor") for folder in core_folders(root).values()
    ]
    files = [file for file in files if os.path.exists(file)]
    if not files:
        return False
    if os.access(files[0], os.W_OK):
        return True
    sudo = shutil.which("sudo")
    try:
        # Without a file, tee writes nothing. -k: a password that is remembered is neither used nor
        # remembered for longer.
        return bool(sudo) and ask([sudo, "-n", "-k", "tee"]) is not None
    except NoAnswer:
        return False
