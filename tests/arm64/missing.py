"""Reason that a device cannot be made on this machine, in one line."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

TOOLS = ("unshare", "nsenter", "chroot")
# What the kernel is told of qemu is Debian's own line: magic, mask, interpreter and flags.
REGISTRATION = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
# The first kernel in which a user namespace has its own binfmt_misc.
KERNEL = (6, 7)


class CannotEmulate(Exception):
    """This machine cannot run the device; the message is one line that says why."""


def tool(name: str) -> str | None:
    """Path of a program; the ones for administrators need not be on the user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def check(device: str, tools: Sequence[str], install: str) -> None:
    """Raises CannotEmulate for what can be seen without trying.

    ``device`` is what cannot be made, ``tools`` the programs that it wants besides TOOLS and
    ``install`` the script that installs them.
    """
    hint = f"{install} installs it on Debian"
    reason = next(filter(None, (_host(), _tools(tools, hint), _kernel())), None)
    if reason:
        raise CannotEmulate(f"no {device}: {reason}")


def _host() -> str | None:
    here = f"{sys.platform} {platform.machine()}"
    if here != "linux x86_64":
        return f"this is {here}; it needs Linux on x86-64"
    if os.geteuid() != 0:
        return "it needs root, to map users into a namespace"
    return None


def _tools(tools: Sequence[str], hint: str) -> str | None:
    absent = [name for name in (*tools, *TOOLS) if tool(name) is None]
    if absent:
        return f"{', '.join(absent)} is not installed; {hint}"
    if not REGISTRATION.exists():
        return f"{REGISTRATION} of qemu-user-static is not there; {hint}"
    return None


def _kernel() -> str | None:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    if found is None or tuple(map(int, found.groups())) < KERNEL:
        wanted = ".".join(map(str, KERNEL))
        return f"the kernel is {platform.release()}; it needs {wanted} or newer"
    return None
