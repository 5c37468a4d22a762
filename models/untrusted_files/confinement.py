"""A process that can do nothing but compute: what a hostile file makes a library do has no effect.

On Linux the kernel sees to it, for any user: limits of the process, and Landlock
(https://docs.kernel.org/userspace-api/landlock.html, Linux 5.13 and later) where it is switched on.
Elsewhere what there is of both is used. There is no way back, so this is for child processes.
"""

import ctypes
import os
import platform
import struct

CREATE_RULESET, RESTRICT_SELF = 444, 446  # system calls, of the same numbers on all processors
VERSION = 1  # a flag of CREATE_RULESET: give the version of Landlock and make nothing
PR_SET_NO_NEW_PRIVS = 38
# Rights over files, by their bits: run, write, and from the fifth on remove and make; not: read.
RIGHTS = 1 << 0 | 1 << 1 | sum(1 << bit for bit in range(4, 13))
LATER_RIGHTS = {2: 1 << 13, 3: 1 << 14}  # from that version on: move, truncate
CONNECT_VERSION, CONNECTIONS = 4, 0b11  # listen and connect by TCP
# Addresses that TensorFlow reserves and never fills.
RESERVED_BYTES = 16 << 30


def confine(cpu_seconds: int) -> None:
    """From now on this process, and what it starts, writes no file, makes, moves and removes none,
    runs no other program, talks to nobody by TCP, and ends after ``cpu_seconds`` of computing or
    where it takes more memory than the machine has."""
    _set_limits(cpu_seconds)
    _restrict()


def _set_limits(cpu_seconds):
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = {
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: memory_bytes + RESERVED_BYTES,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def landlock_version() -> int:
    """The version of the kernel's Landlock; below 1 where it has none, or has it switched off."""
    if platform.system() != "Linux":
        return 0
    return ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)


def _restrict():
    """Take all rights over files but reading; nothing where the kernel has no Landlock."""
    version = landlock_version()
    if version < 1:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    rights = RIGHTS | sum(right for since, right in LATER_RIGHTS.items() if version >= since)
    rules = struct.pack("=Q", rights)
    if version >= CONNECT_VERSION:
        rules = struct.pack("=QQ", rights, CONNECTIONS)
    made = libc.syscall(CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if made < 0 or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "Landlock cannot be set up")
    if libc.syscall(RESTRICT_SELF, made, 0):
        raise OSError(ctypes.get_errno(), "Landlock cannot be switched on")
