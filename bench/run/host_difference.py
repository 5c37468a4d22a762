"""What a device answers against what this machine answers with the same file in the same runtime.

Processors have other kernels, which round otherwise: what they make of a file differs by steps.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.console import record_table
from bench.devices.settings import HOST
from bench.engine.variant import Variant
from bench.measurement.accuracy import chunks
from quantize.evaluate import output_comparison

COLUMNS = (
    ("artifact", 22),
    ("runtime", 18),
    ("images", 6),
    ("same top-1", 10),
    ("largest difference", 18),
)


@dataclass(frozen=True)
class Counterpart:
    """One file in one runtime on ``device`` and on this machine, on the same ``images``.

    ``agreeing`` counts those with the same answer. ``largest_difference`` is that of any output
    that is finite on both sides, ``largest_steps`` the same in steps of the output's scale; None
    where it has none. ``not_finite`` counts the images with an output that is not.
    """

    device: str
    artifact: str
    runtime: str
    images: int
    agreeing: int
    largest_difference: float
    largest_steps: int | None
    not_finite: int


def counterpart(
    device: str, variant: Variant, theirs: np.ndarray, ours: np.ndarray, output_kind: str
) -> Counterpart:
    """``theirs`` of the device and ``ours`` of this machine: float32 [n, classes], which may be
    memory-mapped files."""
    agreeing, largest, not_finite = 0, 0.0, 0
    for rows in chunks(ours):
        a, b = (np.asarray(side[rows], np.float64) for side in (ours, theirs))
        said = output_comparison.predictions(a, output_kind)
        same = (said == output_comparison.predictions(b, output_kind)) & (
            said != output_comparison.NO_PREDICTION
        )
        finite = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
        agreeing, not_finite = agreeing + int(same.sum()), not_finite + int((~finite).sum())
        largest = max(largest, float(np.abs(a[finite] - b[finite]).max(initial=0.0)))
    scale = variant.artifact.outputs[0].scale
    return Counterpart(
        device,
        variant.artifact.name,
        variant.runtime,
        len(ours),
        agreeing,
        largest,
        None if scale is None else round(largest / scale),
        not_finite,
    )


def text(found: Sequence[Counterpart]) -> str:
    """One device's as a table."""
    heading = f"{found[0].device} against {HOST}, the same files on the same images"
    return "\n".join([heading, record_table.header(COLUMNS), *map(_row, found)])


def _row(one: Counterpart) -> str:
    share = record_table.percent(one.agreeing / one.images)
    cells = [one.artifact, one.runtime, str(one.images), share, _largest(one)]
    lost = f"  {one.not_finite} images have outputs that are not finite"
    return record_table.line(COLUMNS, cells) + (lost if one.not_finite else "")


def _largest(one: Counterpart) -> str:
    if not one.largest_difference:
        return "none"
    if one.largest_steps is None:
        return f"{one.largest_difference:.1e}"
    return f"{one.largest_steps} step{'' if one.largest_steps == 1 else 's'}"


def as_dict(one: Counterpart) -> dict:
    """As a program reads it, the agreement as a share in [0, 1]."""
    return {**asdict(one), "against": HOST, "agreement": one.agreeing / one.images}
