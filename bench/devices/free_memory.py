"""Free memory of a machine, and a child process's limit to most of it."""

import contextlib
import re
from pathlib import Path

MIN_MEMORY_BYTES = 2**29


def limit_memory(pid: int) -> None:
    """Let the child have what is free now, so that one that eats memory takes nobody else's."""
    free = free_memory_bytes()
    if free is not None:  # on Linux only, and so is prlimit
        import resource

        limit = max(MIN_MEMORY_BYTES, free * 9 // 10)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
            # What it starts from now on inherits that; the native runner may have begun to.
            for begun in children(pid):
                resource.prlimit(begun, resource.RLIMIT_DATA, (limit, limit))


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started; [] where the system does not tell."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def free_memory_bytes() -> int | None:
    """Memory available now without swapping; None where the system does not tell."""
    meminfo = Path("/proc/meminfo")
    return available_bytes(meminfo.read_text()) if meminfo.is_file() else None


def available_bytes(meminfo: str) -> int | None:
    """Memory available without swapping, from Linux's /proc/meminfo; None where it does not say."""
    found = re.search(r"^MemAvailable:\s+([0-9]{1,15})\b", meminfo, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
