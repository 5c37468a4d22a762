"""Two files on the same images: the loss of top-1, and its confidence interval.

Only images that exactly one of the two gets right tell them apart. The interval of the difference
is the score interval of Tango (Statistics in Medicine 17, 1998), which holds some 95 % where such
images are few; the p value is of the exact test of McNemar (1947).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.measurement.latency import Interval

Z = NormalDist().inv_cdf(0.975)
# With 80 % power as well: the sample size at which four in five such tests come out decided.
Z_WITH_POWER = Z + NormalDist().inv_cdf(0.8)
MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class Paired:
    """Counts over ``images``: ``lost`` only the first file gets right, ``gained`` only the second,
    ``agreeing`` have the same prediction from both."""

    images: int
    lost: int
    gained: int
    agreeing: int

    @property
    def drop(self) -> float:
        """Share of all images by which the second file is worse; negative where it is better."""
        return (self.lost - self.gained) / self.images

    @property
    def agreement(self) -> float:
        return self.agreeing / self.images

    @property
    def interval(self) -> Interval:
        """95 % confidence interval of ``drop``."""
        return drop_interval(self.images, self.lost, self.gained)

    @property
    def p_value(self) -> float:
        """Two-sided: the probability of so uneven a split where both files are equally good."""
        from scipy.stats import binomtest

        flips = self.lost + self.gained
        return float(binomtest(self.lost, flips).pvalue) if flips else 1.0


def paired(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Paired:
    """The counts of ``first`` and ``second``, predicted classes int64 [n], for the true ``labels``.

    ValueError where their lengths differ, or there are none.
    """
    if not len(first) == len(second) == len(labels) or not len(labels):
        raise ValueError(f"{len(first)} and {len(second)} predictions for {len(labels)} images")
    right, still_right = first == labels, second == labels
    return Paired(
        len(labels),
        int(np.sum(right & ~still_right)),
        int(np.sum(~right & still_right)),
        int(np.sum(first == second)),
    )


def drop_interval(images: float, lost: float, gained: float, z: float = Z) -> Interval:
    """All drops that the counts do not contradict; counts need not be whole."""
    observed = (lost - gained) / images

    def at(edge: float) -> float:
        inside, outside = observed, edge
        for _ in range(60):
            middle = (inside + outside) / 2
            if abs(_score(images, lost, gained, middle)) <= z:
                inside = middle
            else:
                outside = middle
        return inside

    return Interval(at(-1.0), at(1.0))


def _score(images: float, lost: float, gained: float, drop: float) -> float:
    """The distance of the counts from a true ``drop``, in standard errors."""
    a = 2 * images
    b = -lost - gained + (2 * images - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    share_gained = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = images * max(0.0, 2 * share_gained + drop * (1 - drop))
    difference = lost - gained - images * drop
    if variance == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / math.sqrt(variance)


def images_needed(found: Paired, limit: float) -> int | None:
    """The number of images, roughly, that decides on ``limit``, were they like these.

    None where not even ten million would: the drop is at the limit.
    """
    at_least, enough = found.images, 2 * found.images
    while not _decides(found, limit, enough):
        at_least, enough = enough, 2 * enough
        if enough > MOST_IMAGES:
            return None
    while enough - at_least > 1:
        middle = (at_least + enough) // 2
        if _decides(found, limit, middle):
            enough = middle
        else:
            at_least = middle
    return enough


def _decides(found: Paired, limit: float, images: int) -> bool:
    times = images / found.images
    interval = drop_interval(images, found.lost * times, found.gained * times, Z_WITH_POWER)
    return not interval.low <= limit < interval.high
