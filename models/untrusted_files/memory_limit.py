"""A limit to the memory that one step takes, for libraries that ask for whatever a file says."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

STATM = Path("/proc/self/statm")  # the first number: pages of this process, reserved ones too


@contextlib.contextmanager
def further(size: int) -> Iterator[None]:
    """Whatever asks for more than ``size`` bytes within fails, as where memory runs out.

    Of the process, so for short steps only. On Linux; elsewhere nothing is limited.
    """
    if not STATM.exists():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(STATM.read_text().split()[0]) * resource.getpagesize()
    allowed = [limit for limit in before if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([used + size, *allowed]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
