"""Memory that nothing uses, given back to the system before other processes need it."""

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect what nothing refers to, and on Linux free what the C library keeps at hand:
    TensorFlow's conversion leaves several times the model there."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # glibc's
        trim(0)
