"""The outputs that a runner wrote, as .npy files: what comes from a device may be anything."""

from pathlib import Path

import numpy as np

from bench.measurement.result import RunFailed
from models.command_line import unforeseen


def opened(path: Path) -> np.ndarray:
    """The array in ``path``, float32 [n, outputs], on disk; RunFailed where it is none."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # of numpy, zipfile or the tokenizer of a header: any kind
        raise RunFailed(f"its outputs are no array: {unforeseen.in_one_line(error)}") from error
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.dtype != np.float32:
        shape, kind = getattr(found, "shape", "no shape"), getattr(found, "dtype", "no array")
        raise RunFailed(f"its outputs are {kind} {shape}; expected float32 [images, outputs]")
    return found


def images(path: Path) -> int:
    """The number of images whose outputs are in ``path``; RunFailed where they are no outputs."""
    return len(opened(path))
