"""The gate of accuracy: the top-1 that quantization may cost, on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.gates.limits import Limits
from bench.gates.paired import Paired, images_needed
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, SKIPPED, Verdict


@dataclass(frozen=True)
class Comparison:
    """A quantized file against float32 of the same format: counts, and top-1 of both, [0, 1]."""

    file: str
    runtime: str
    paired: Paired
    float32_top1: float
    top1: float


def check(comparisons: Sequence[Comparison], limits: Limits) -> list[Verdict]:
    """One verdict for each comparison; none where no drop is limited.

    Passes when the 95 % interval of the drop ends at or below the limit, fails when it begins
    above; in between it is inconclusive.
    """
    if limits.max_drop_points is None:
        return []
    return [_verdict(comparison, limits.max_drop_points) for comparison in comparisons]


def skipped(files: Sequence[tuple[str, str]], limits: Limits) -> list[Verdict]:
    """A verdict for each of ``files``, name and runtime, of a network that gives no classes."""
    if limits.max_drop_points is None:
        return []
    return [
        Verdict(
            gate="accuracy",
            file=name,
            runtime=runtime,
            outcome=SKIPPED,
            limit=f"at most {limits.max_drop_points:g} points",
            detail="the model gives values, not classes, so it has no top-1",
        )
        for name, runtime in files
    ]


def _verdict(comparison: Comparison, limit_points: float) -> Verdict:
    found = comparison.paired
    low, high = (100 * edge for edge in (found.interval.low, found.interval.high))
    outcome, needed, why = INCONCLUSIVE, None, ""
    if high <= limit_points:
        outcome = PASSED
    elif low > limit_points:
        outcome = FAILED
    else:
        needed = images_needed(found, limit_points / 100)
        why = f"N={found.images:,} is too small, " + (
            f"needs about {needed:,}; "
            if needed
            else "as any number would be: the drop is at the limit; "
        )
    return Verdict(
        gate="accuracy",
        file=comparison.file,
        runtime=comparison.runtime,
        outcome=outcome,
        found=f"{100 * found.drop:.2f} points [{low:.2f}, {high:.2f}]",
        limit=f"at most {limit_points:g} points",
        detail=f"{why}{100 * comparison.float32_top1:.2f}% to {100 * comparison.top1:.2f}% on "
        f"{found.images:,} images; {found.lost} lost, {found.gained} gained, "
        f"p = {found.p_value:.2g}; agreement {100 * found.agreement:.2f}%",
        figures={
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
