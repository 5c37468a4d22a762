"""Outputs of a device against those of this machine, of the same file in the same runtime.

Processors have kernels of their own, which round differently: outputs differ by steps.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.console.record_table import percent
from bench.devices.settings import HOST
from bench.engine.variant import Variant
from bench.measurement.accuracy import chunks
from models.command_line.columns import aligned
from models.networks.output_tensor import VALUES
from quantize.evaluate import output_comparison

HEADING = ("file", "runtime", "images", "same top-1", "largest difference", "not finite")


@dataclass(frozen=True)
class HostDifference:
    """One file in one runtime on ``device`` and on this machine, on the same ``images``.

    ``agreeing`` counts those with the same prediction; None of outputs that are no classes.
    ``largest_difference`` is that of any output that is finite on both sides, ``largest_steps`` the
    same in steps of the output's scale; None where it has none, or there are several outputs.
    ``not_finite`` counts the images with an output that is not.
    """

    device: str
    artifact: str
    runtime: str
    images: int
    agreeing: int | None
    largest_difference: float
    largest_steps: int | None
    not_finite: int


def host_difference(
    device: str, variant: Variant, remote: np.ndarray, local: np.ndarray, output_kind: str
) -> HostDifference:
    """The difference of ``remote``, outputs of the device, from ``local``, those of this machine:
    float32 [n, classes], which may be memory-mapped files."""
    agreeing, largest, not_finite = 0, 0.0, 0
    for rows in chunks(local):
        a, b = (np.asarray(side[rows], np.float64) for side in (local, remote))
        predicted = output_comparison.predictions(a, output_kind)
        same = (predicted == output_comparison.predictions(b, output_kind)) & (
            predicted != output_comparison.NO_PREDICTION
        )
        finite = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
        agreeing, not_finite = agreeing + int(same.sum()), not_finite + int((~finite).sum())
        largest = max(largest, float(np.abs(a[finite] - b[finite]).max(initial=0.0)))
    scales = [output.scale for output in variant.artifact.outputs]
    scale = scales[0] if len(scales) == 1 else None
    return HostDifference(
        device,
        variant.artifact.name,
        variant.runtime,
        len(local),
        None if output_kind == VALUES else agreeing,
        largest,
        None if scale is None else round(largest / scale),
        not_finite,
    )


def text(found: Sequence[HostDifference]) -> str:
    """One device's as a table."""
    heading = f"{found[0].device} against {HOST}, the same files on the same images"
    rows = [HEADING, *map(_row, found)]
    if not any(one.not_finite for one in found):
        rows = [row[:-1] for row in rows]
    return f"{heading}\n{aligned(rows, range(2, len(rows[0])))}"


def _row(one: HostDifference) -> tuple[str, ...]:
    share = percent(_agreement(one))
    figures = (str(one.images), share, _largest(one), str(one.not_finite))
    return (one.artifact, one.runtime, *figures)


def _largest(one: HostDifference) -> str:
    if not one.largest_difference:
        return "none"
    if one.largest_steps is None:
        return f"{one.largest_difference:.1e}"
    return f"{one.largest_steps} step{'' if one.largest_steps == 1 else 's'}"


def as_dict(one: HostDifference) -> dict:
    """As a program reads it, the agreement as a share in [0, 1]."""
    return {**asdict(one), "against": HOST, "agreement": _agreement(one)}


def _agreement(one: HostDifference) -> float | None:
    return None if one.agreeing is None else one.agreeing / one.images
