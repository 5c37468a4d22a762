"""The gate of accuracy: what integers may cost in top-1, on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.gates.paired import Paired, images_needed
from bench.gates.verdict import CANNOT_TELL, FAILED, PASSED, Row
from quantize.methods.limits import Limits


@dataclass(frozen=True)
class Comparison:
    """A file of integers against float32 of the same format: counts, and top-1 of both, [0, 1]."""

    file: str
    runtime: str
    paired: Paired
    float32_top1: float
    top1: float


def check(comparisons: Sequence[Comparison], limits: Limits) -> list[Row]:
    """One row a comparison; none where no drop is limited.

    Passes when the 95 % interval of the drop ends at or below the limit, fails when it begins
    above; in between the images do not tell.
    """
    if limits.max_drop_points is None:
        return []
    return [_row(comparison, limits.max_drop_points) for comparison in comparisons]


def _row(comparison: Comparison, limit_points: float) -> Row:
    found = comparison.paired
    low, high = (100 * edge for edge in (found.interval.low, found.interval.high))
    verdict, needed, why = CANNOT_TELL, None, ""
    if high <= limit_points:
        verdict = PASSED
    elif low > limit_points:
        verdict = FAILED
    else:
        needed = images_needed(found, limit_points / 100)
        why = f"N={found.images:,} is too small, " + (
            f"needs about {needed:,}; " if needed else "as any would be: the drop is at the limit; "
        )
    return Row(
        "accuracy",
        comparison.file,
        comparison.runtime,
        verdict,
        f"{100 * found.drop:.2f} points [{low:.2f}, {high:.2f}]",
        f"at most {limit_points:g} points",
        f"{why}{100 * comparison.float32_top1:.2f}% to {100 * comparison.top1:.2f}% on "
        f"{found.images:,} images; {found.lost} lost, {found.gained} gained, "
        f"p = {found.p_value:.2g}; agreement {100 * found.agreement:.2f}%",
        {
            "images": found.images,
            "float32_top1": comparison.float32_top1,
            "top1": comparison.top1,
            "drop_points": 100 * found.drop,
            "drop_low_points": low,
            "drop_high_points": high,
            "lost": found.lost,
            "gained": found.gained,
            "p_value": found.p_value,
            "agreement": found.agreement,
            "max_drop_points": limit_points,
            "images_needed": needed,
        },
    )
