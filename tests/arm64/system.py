"""Mounts of a boot: /proc, /dev and /run of a device."""

import os
from pathlib import Path

from arm64 import namespace
from arm64.places import BASE, ROOT
from arm64.processor import Processor

NODES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
         "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}  # fmt: skip


def mount_system(processor: Processor) -> None:
    """/proc, with the processor in it, /dev and /run of the device."""
    for proc in (Path("/proc"), ROOT / "proc"):
        namespace.mount("proc", proc, "proc")
    cpuinfo = BASE / "cpuinfo"
    cpuinfo.write_text(processor.cpuinfo(os.cpu_count()))
    namespace.bind(cpuinfo, ROOT / "proc" / "cpuinfo")
    dev = ROOT / "dev"
    namespace.mount("tmpfs", ROOT / "run", "tmpfs", options="mode=755")
    namespace.mount("tmpfs", dev, "tmpfs", options="mode=755")
    for name in NODES:
        (dev / name).touch()
        namespace.bind(f"/dev/{name}", dev / name)
    for name, target in LINKS.items():
        (dev / name).symlink_to(target)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    namespace.mount("tmpfs", dev / "shm", "tmpfs", options="mode=1777")
    terminals = "newinstance,ptmxmode=666,mode=620,gid=5"
    namespace.mount("devpts", dev / "pts", "devpts", options=terminals)
