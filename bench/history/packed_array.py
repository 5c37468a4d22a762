"""Arrays of numbers as compressed bytes in a column of the history."""

import zlib
from collections.abc import Sequence

import numpy as np


class DamagedRow(ValueError):
    """A row does not hold what was written."""


def pack(values: Sequence[float], dtype: str) -> bytes:
    """``values`` as an array of ``dtype``, compressed."""
    return zlib.compress(np.asarray(values, dtype).tobytes())


def unpack(blob: bytes, dtype: str) -> tuple:
    """The values that ``pack`` packed; DamagedRow where they can no longer be read."""
    try:
        return tuple(np.frombuffer(zlib.decompress(blob), dtype).tolist())
    except (TypeError, ValueError, zlib.error) as error:
        raise DamagedRow(f"samples that cannot be decompressed: {error}") from error
