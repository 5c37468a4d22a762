"""The rule that ends sampling: the median is known as precisely as the plan asks."""

import math


def is_enough(plan, medians, spent_s, result):
    """The stop rule. The interval is that of the sign test: order statistics of the medians."""
    if spent_s >= plan["time_limit_s"]:
        return bool(medians)
    if not plan["precision"] or len(result["samples_ns"]) < plan["min_samples"]:
        return False
    rank = interval_rank(len(medians))
    if rank is None:
        return False
    ordered = sorted(medians)
    return ordered[-1 - rank] - ordered[rank] <= 2 * plan["precision"] * median(medians)


def interval_rank(n):
    """The median's 95 % interval lies between the order statistics of this rank from either end.

    Counted from 0; None where ``n`` values are too few for any. That of the sign test; from 1000
    on by its normal approximation.
    """
    if n >= 1000:
        return int(n / 2 - 0.98 * math.sqrt(n))
    below, rank = 0.0, None
    for k in range(n // 2):
        below += math.comb(n, k) / 2.0**n
        if below > 0.025:
            break
        rank = k
    return rank


def median(values):
    """The median of a list that is not empty."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
