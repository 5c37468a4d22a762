"""Observers: each turns what was seen of an activation into the range that it is to have."""

from collections.abc import Callable

import numpy as np

from quantize.ranges.calibration import Activation
from quantize.ranges.histogram import Histogram
from quantize.ranges.value_range import LEVELS, Range

MOVING_AVERAGE_MOMENTUM = 0.95
PERCENTILE = 99.99
CANDIDATES = 64  # ends tried on each side of a range


def min_max(activation: Activation) -> Range:
    """From the smallest to the largest value of all."""
    return Range(float(activation.minima.min()), float(activation.maxima.max()))


def moving_average(activation: Activation) -> Range:
    """Exponential moving average of each image's extremes, as in quantization-aware training."""
    low, high = float(activation.minima[0]), float(activation.maxima[0])
    for a, b in zip(activation.minima[1:], activation.maxima[1:], strict=True):
        low += (float(a) - low) * (1 - MOVING_AVERAGE_MOMENTUM)
        high += (float(b) - high) * (1 - MOVING_AVERAGE_MOMENTUM)
    return Range(low, high)


def percentile(activation: Activation) -> Range:
    """The range that holds PERCENTILE per cent of the values, as much cut off below as above."""
    whole = min_max(activation)
    share = np.cumsum(activation.histogram.counts) / activation.histogram.counts.sum()
    tail = (100 - PERCENTILE) / 200
    edges = activation.histogram.centers
    low = edges[np.searchsorted(share, tail)]
    high = edges[np.searchsorted(share, 1 - tail)]
    return Range(max(whole.minimum, float(low)), min(whole.maximum, float(high)))


def mse(activation: Activation) -> Range:
    """The range with the least mean squared error of rounding and clipping together."""

    def error(histogram: Histogram, low: float, high: float) -> float:
        values = histogram.centers
        outside = values - np.clip(values, low, high)
        inside = outside == 0
        rounding = ((high - low) / (LEVELS - 1)) ** 2 / 12
        return float(histogram.counts @ (outside**2 + inside * rounding))

    return _best(activation, error)


def entropy(activation: Activation) -> Range:
    """The range whose quantized distribution diverges least (Kullback-Leibler) from the real."""

    def divergence(histogram: Histogram, low: float, high: float) -> float:
        values, counts = histogram.centers, histogram.counts.astype(np.float64)
        inside = (values >= low) & (values <= high)
        if not inside.any():
            return np.inf
        clipped = counts[inside]
        clipped[0] += counts[values < low].sum()
        clipped[-1] += counts[values > high].sum()
        step = max((high - low) / (LEVELS - 1), np.finfo(np.float64).tiny)
        level = np.rint((values[inside] - low) / step).astype(np.int64)
        filled = counts[inside] > 0
        mass = np.bincount(level, counts[inside], minlength=LEVELS)
        size = np.bincount(level, filled.astype(np.float64), minlength=LEVELS)
        spread = np.where(filled, mass[level] / np.maximum(size[level], 1), 0)
        p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1e-300)
        some = p > 0
        return float(np.sum(p[some] * np.log(p[some] / np.maximum(q[some], 1e-12))))

    return _best(activation, divergence)


def softmax(activation: Activation) -> Range:
    """The range with the least squared error after the softmax that reads the activation.

    Low logits do not matter there, so most of them may be cut off for finer steps at the top.
    """
    whole, rows = min_max(activation), activation.rows.astype(np.float64)
    wanted = _softmax(rows)
    lows = np.linspace(whole.minimum, rows.max(axis=1).min(), CANDIDATES)

    def error(low: float) -> float:
        step = (whole.maximum - low) / (LEVELS - 1)
        if step <= 0:
            return np.inf
        levels = np.rint((np.clip(rows, low, whole.maximum) - low) / step)
        return float(np.sum((_softmax(levels * step) - wanted) ** 2))

    return Range(float(min(lows, key=error)), whole.maximum)


def _softmax(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


OBSERVERS: dict[str, Callable[[Activation], Range]] = {
    "min-max": min_max,
    "moving-average": moving_average,
    "percentile": percentile,
    "mse": mse,
    "entropy": entropy,
}


def _best(activation: Activation, error: Callable[[Histogram, float, float], float]) -> Range:
    """The range of least ``error`` among those that cut off some of either end; ends take turns."""
    whole, histogram = min_max(activation), activation.histogram
    best = whole
    for _ in range(2):
        for kept in np.linspace(1, 1 / CANDIDATES, CANDIDATES):
            candidates = [
                Range(best.minimum, whole.maximum * kept) if whole.maximum > 0 else best,
                Range(whole.minimum * kept, best.maximum) if whole.minimum < 0 else best,
            ]
            best = min([best, *candidates], key=lambda r: error(histogram, r.minimum, r.maximum))
    return best
