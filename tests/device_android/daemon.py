"""The daemon of adb inside a phone: ``python -m device_android.daemon FD CPU``.

It goes into the phone's root for good and is its shell user there, as adbd is on a phone that is
not rooted; so what is imported is imported before. Obeys lines on standard input, each a list of
an order and its arguments in JSON, and ends with it.
"""

import json
import os
import socket
import sys
from pathlib import Path

from arm64.places import ROOT

from device_android.adbd import Adbd
from device_android.authorization import Consent
from device_android.settings import DATA, GROUPS, USER, USER_ID
from device_android.shell_service import Shell

PATH = (
    "/product/bin:/apex/com.android.runtime/bin:/apex/com.android.art/bin:/system_ext/bin:"
    "/system/bin:/system/xbin:/odm/bin:/vendor/bin:/vendor/xbin"
)
ENVIRONMENT = {
    "ANDROID_DATA": "/data", "ANDROID_ROOT": "/system", "EXTERNAL_STORAGE": "/sdcard", "HOME": "/",
    "HOSTNAME": "emulated", "LOGNAME": USER, "PATH": PATH, "SHELL": "/bin/sh", "TMPDIR": DATA,
    "USER": USER,
}  # fmt: skip


def become_shell() -> None:
    """The phone's root is ours, and we are its shell user."""
    os.chroot(ROOT)
    os.chdir("/")
    os.setgroups(GROUPS)
    os.setgid(USER_ID)
    os.setuid(USER_ID)
    os.umask(0)


def obey(daemon: Adbd) -> None:
    """Carries out orders until standard input ends; says to each what it gives, or ``done``."""
    orders = {
        "cut_at": lambda number, directions: daemon.faults.cut_at(number, tuple(directions)),
        "is_cut_due": lambda: int(daemon.faults.is_cut_due()),
        "hold": daemon.faults.hold,
        "packets": daemon.faults.packets,
        "truncate_push": daemon.faults.truncate_push,
        "disconnect": daemon.disconnect,
        "go_offline": daemon.go_offline,
        "come_back": daemon.come_back,
        "consent": lambda word: setattr(daemon.authorization, "consent", Consent(word)),
        "forget_keys": daemon.authorization.forget,
    }
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        given = orders[order](*arguments)
        print("done" if given is None else given, flush=True)


def main(descriptor: str, cpu: str) -> None:
    Path("/proc/self/comm").write_text("adbd")
    become_shell()
    shell = Shell(("/system/bin/sh",), {**ENVIRONMENT, "QEMU_CPU": cpu})
    with Adbd(shell, socket.socket(fileno=int(descriptor))) as daemon:
        print("done", flush=True)
        obey(daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
