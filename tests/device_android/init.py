"""A phone's first process: what a boot mounts, and the daemon of adb.

``python -m device_android.init FD CPU`` starts the daemon on that socket, whose standard input and
output are ours, and ends with it; then the kernel ends all that runs in this process's namespace.
"""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

from arm64 import namespace
from arm64.places import BASE, ROOT
from arm64.processor import PROCESSORS
from arm64.system import mount_system

from device_android.sysfs import write_phone_sysfs

HOST_NAME = "localhost"
# What services know until the next boot and no longer.
VOLATILE = ("deviceidle", "power", "battery")


def boot(cpu: str) -> None:
    """Mounts what is the kernel's; services that forget have forgotten."""
    socket.sethostname(HOST_NAME)
    mount_system(PROCESSORS[cpu])
    write_phone_sysfs(ROOT / "sys", os.cpu_count())
    boot_id = BASE / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    namespace.bind(boot_id, ROOT / "proc/sys/kernel/random/boot_id")
    for service in VOLATILE:
        shutil.rmtree(ROOT / "data/misc/services" / service, ignore_errors=True)


def main(descriptor: str, cpu: str) -> None:
    Path("/proc/self/comm").write_text("init")
    boot(cpu)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "device_android.daemon", descriptor, cpu],
        pass_fds=[int(descriptor)],
    )
    os.close(int(descriptor))
    # Whoever lost his parent is ours to bury.
    while os.wait()[0] != daemon.pid:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
