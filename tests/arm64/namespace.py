"""Namespaces and mounts, by the kernel's own calls: user ids and mounts that only we see."""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x0002_0000, 0x1000_0000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
# Every user of a small system, each as itself.
ID_MAP = "0 0 65536\n"

_libc = ctypes.CDLL(None, use_errno=True)


def enter_user_namespace() -> None:
    """Be root of a user and a mount namespace of our own.

    Only a process outside of it can say who is who in it: says ``map`` on standard output and
    waits for a line. Raises OSError where the kernel allows no such namespace.
    """
    _checked(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    print("map", flush=True)
    sys.stdin.readline()
    os.setgroups([])
    os.setgid(0)
    os.setuid(0)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def map_ids(pid: int) -> None:
    """Answers ``map``: every user and group of that process's namespace is itself."""
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text(ID_MAP)


def mount(source, target, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2): paths are taken as they are. Raises OSError that names the target."""
    words = (os.fsencode(word) for word in (source, target, kind))
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def bind(source, target) -> None:
    """``source`` is seen at ``target`` too."""
    mount(source, target, flags=MS_BIND)


def die_with_parent() -> None:
    """SIGKILL for us as soon as the process that started us has ended."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, 9), "prctl")


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
