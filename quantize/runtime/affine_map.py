"""The affine map of integer tensors: real = scale * (stored - zero point)."""

import numpy as np


def stored(values, dtype, scale, zero_point):
    """Real ``values`` as integers of ``dtype``, rounded half to even, clipped to its range."""
    limits = np.iinfo(dtype)
    steps = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def real(integers, scale, zero_point):
    """The float32 values that stored ``integers`` stand for."""
    return (integers.astype(np.float32) - zero_point) * np.float32(scale)
