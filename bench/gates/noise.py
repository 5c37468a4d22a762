"""The noise of measurements: differences that chance makes between two of the same file.

Changes are natural logarithms of ratios of times: 0 is no change, and twice as fast and twice as
slow are equally far from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import median

import numpy as np

from bench.measurement.result import Result

# One in a hundred comparisons of equals may lie beyond the noise floor of one measurement.
CONFIDENCE = 0.99
# Variance of the median of so many normal values, theirs being 1.
MEDIAN_VARIANCE = {1: 1.0, 3: 0.449}


@dataclass(frozen=True)
class Noise:
    """Standard deviation of changes between equals, from ``degrees`` of freedom.

    ``reference_variance``: of what a measurement is compared with, in units of ``deviation``
    squared; 0 where the change has that in it.
    """

    deviation: float
    degrees: int
    reference_variance: float = 0.0

    def floor(self, rounds: int) -> float:
        """The change that the median of ``rounds`` measurements (1 or 3) of an equal file stays
        below with 99 % probability, by Student's distribution."""
        variance = MEDIAN_VARIANCE[rounds] + self.reference_variance
        return student_quantile(CONFIDENCE, self.degrees) * self.deviation * math.sqrt(variance)


def noise_in_turns(changes: Sequence[float]) -> Noise:
    """Noise of ``change_in_turns`` of equals; ``changes``: of the same file measured twice, one a
    round. Their mean is known to be 0."""
    return Noise(math.sqrt(sum(c * c for c in changes) / len(changes)), len(changes))


def noise_between_rounds(medians_ns: Sequence[float]) -> Noise:
    """Noise of a new round's median against the median of those of at least two earlier ones."""
    deviation = float(np.std(np.log(medians_ns), ddof=1))
    # The median of n normal values has about pi / 2n of their variance.
    return Noise(deviation, len(medians_ns) - 1, math.pi / 2 / len(medians_ns))


def change_in_turns(result: Result, reference: Result) -> float:
    """The change from ``reference`` to ``result``, which took turns in one session.

    The median over the turns of each turn's own change: a machine that is fast in one turn and slow
    in the next is so for both of its halves.
    """
    pairs = zip(turn_medians(result), turn_medians(reference), strict=False)
    return median(math.log(now / then) for now, then in pairs)


def change_between(result: Result, medians_ns: Sequence[float]) -> float:
    """The change from the median of earlier rounds, whose medians are given, to ``result``."""
    return math.log(median(result.samples_ns) / median(medians_ns))


def joined(first: Result, second: Result) -> Result:
    """``first`` with the samples and turns of a further session after its own."""
    return replace(
        first,
        samples_ns=(*first.samples_ns, *second.samples_ns),
        turns=(*first.turns, *second.turns),
    )


def turn_medians(result: Result) -> list[float]:
    """The median time of each turn in nanoseconds."""
    ends = list(accumulate(turn.samples for turn in result.turns))
    # Turns are short: numpy would take longer to look at them than to sort them.
    return [
        float(median(result.samples_ns[start:end]))
        for start, end in zip([0, *ends], ends, strict=False)
        if end > start
    ]


def student_quantile(probability: float, degrees: int) -> float:
    """The value that Student's t of so many degrees of freedom stays below with ``probability``."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf calls, without its second of import

    return float(stdtrit(degrees, probability))
