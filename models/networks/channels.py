"""Rounding of channel counts: a paper's count times the width multiplier becomes a real one."""


def round_to_8(channels: float) -> int:
    """Nearest multiple of 8, at least 8, never more than 10 % below ``channels``.

    MobileNetV2 (arXiv 1801.04381) and V3 (arXiv 1905.02244) round so in their reference code,
    because kernels work on 8 channels at a time.
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def truncate(channels: float) -> int:
    """Whole part, at least 1: the rounding of the MobileNetV1 reference code."""
    return max(1, int(channels))
