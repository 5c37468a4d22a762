"""Permission to set the frequency governor, found out without setting it."""

import glob
import os
import shutil
import subprocess

from bench.on_device.system_files import ASKING_S


def is_governor_settable(root="/sys"):
    """True if this user may set the frequency governor without a password; False without one."""
    files = glob.glob(os.path.join(root, "devices/system/cpu/cpu*/cpufreq/scaling_governor"))
    if not files:
        return False
    if os.access(files[0], os.W_OK):
        return True
    sudo = shutil.which("sudo")
    if not sudo:
        return False
    try:
        # Without a file, tee writes nothing. -k: a password that is remembered is neither used nor
        # remembered for longer.
        command = [sudo, "-n", "-k", "tee"]
        nothing = subprocess.DEVNULL
        done = subprocess.run(
            command, stdin=nothing, stdout=nothing, stderr=nothing, timeout=ASKING_S
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
