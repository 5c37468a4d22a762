"""Padding before a strided depthwise convolution, as the MobileNet reference code does it."""


def stride2_padding(size: int, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns to add around a square map of ``size`` so that stride 2 halves it evenly."""
    before = kernel // 2 - (1 - size % 2)
    return ((before, kernel // 2),) * 2
